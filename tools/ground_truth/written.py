"""Workflows written by hand: nodes, values, links. Each is one way in which files of the editor differ."""

from __future__ import annotations

from typing import Any

from comfyflow.schema import Schema

from .canvas import Canvas, Json, link_objects
from .server import MODEL

EULER = ("euler", "normal")


def picture(canvas: Canvas, **more: Any) -> Json:
    return canvas.add("EmptyImage", 64, 48, 1, 0x336699, **more)


def save(canvas: Canvas, origin: Json, slot: int = 0, prefix: Any = "made") -> Json:
    end = canvas.add("SaveImage", prefix)
    canvas.link(origin, slot, end, "images")
    return end


def sampling(canvas: Canvas, *values: Any) -> dict[str, Json]:
    """A picture from a prompt, as everyone's first workflow has it."""
    loader = canvas.add("CheckpointLoaderSimple", MODEL)
    wanted, unwanted = canvas.add("CLIPTextEncode", "a lighthouse"), canvas.add("CLIPTextEncode", "fog")
    latent = canvas.add("EmptyLatentImage", 64, 64, 1)
    sampler = canvas.add("KSampler", *(values or (7, "randomize", 4, 6.5, *EULER, 1.0)))
    decoder = canvas.add("VAEDecode")
    for text in (wanted, unwanted):
        canvas.link(loader, 1, text, "clip")
    for origin, slot, target, name in [
        (loader, 0, sampler, "model"),
        (wanted, 0, sampler, "positive"),
        (unwanted, 0, sampler, "negative"),
        (latent, 0, sampler, "latent_image"),
        (sampler, 0, decoder, "samples"),
        (loader, 2, decoder, "vae"),
    ]:
        canvas.link(origin, slot, target, name)
    names = {"loader": loader, "wanted": wanted, "latent": latent, "sampler": sampler, "decoder": decoder}
    return {**names, "end": save(canvas, decoder)}


def text_to_image(schema: Schema) -> Json:
    canvas = Canvas(schema)
    sampling(canvas)
    return canvas.saved()


def links_are_objects(schema: Schema) -> Json:
    canvas = Canvas(schema)
    sampling(canvas)
    state = {"lastNodeId": 9, "lastLinkId": 9, "lastGroupId": 0, "lastRerouteId": 0}
    return canvas.saved(version=1, links=link_objects(canvas.links), state=state)


def old_file(schema: Schema) -> Json:
    """Sizes as objects, no order, no properties, and widgets that have no slots."""
    canvas = Canvas(schema)
    sampling(canvas)
    for node in canvas.nodes:
        node["pos"] = {"0": node["pos"][0], "1": node["pos"][1]}
        node["size"] = {"0": 210, "1": 100}
        del node["order"], node["properties"]
    return {"nodes": canvas.nodes, "links": canvas.links, "version": 0.4, "config": {}, "extra": {}}


def no_control_was_saved(schema: Schema) -> Json:
    """Files from before seeds had a control behind them."""
    canvas = Canvas(schema)
    sampling(canvas, 7, 4, 6.5, *EULER, 1.0)
    return canvas.saved()


def seeds(schema: Schema) -> Json:
    canvas = Canvas(schema)
    made = sampling(canvas, 2**53 + 3, "increment", 4, 6.5, *EULER, 1.0)
    more = canvas.add("KSamplerAdvanced", "enable", 9, "decrement", 4, 5, *EULER, 0, 10000, "disable")
    for origin, name in [
        ("loader", "model"),
        ("wanted", "positive"),
        ("wanted", "negative"),
        ("sampler", "latent_image"),
    ]:
        canvas.link(made[origin], 0, more, name)
    noise = canvas.add("RandomNoise", 5, "fixed")
    shown = canvas.add("PreviewAny")
    canvas.link(noise, 0, shown, "source")
    decoder = canvas.add("VAEDecode")
    canvas.link(more, 0, decoder, "samples")
    canvas.link(made["loader"], 2, decoder, "vae")
    save(canvas, decoder)
    return canvas.saved()


def widgets_as_inputs(schema: Schema) -> Json:
    canvas = Canvas(schema)
    made = sampling(canvas)
    steps, text = canvas.add("PrimitiveInt", 12, "fixed"), canvas.add("PrimitiveString", "a harbour")
    canvas.link(steps, 0, made["sampler"], "steps=")
    canvas.link(text, 0, made["wanted"], "text=")
    canvas.slot(made["latent"], "width=", "INT")  # an input that nothing is linked to
    return canvas.saved()


def primitive_nodes(schema: Schema) -> Json:
    """One node that writes two widgets, one for a choice, one for a string, one past the limit."""
    canvas = Canvas(schema)
    made = sampling(canvas)
    for value, kind, targets in [
        ([96, "fixed"], "INT", [("latent", "width="), ("latent", "height=")]),
        (["ddim", "fixed", ""], "COMBO", [("sampler", "sampler_name=")]),
        (["a pier"], "STRING", [("wanted", "text=")]),
        ([-3, "fixed"], "INT", [("sampler", "steps=")]),
    ]:
        node = canvas.add("PrimitiveNode", *value, outs=[kind])
        for target, name in targets:
            canvas.link(node, 0, made[target], name)
    return canvas.saved()


def primitive_without_a_target(schema: Schema) -> Json:
    canvas = Canvas(schema)
    canvas.add("PrimitiveNode", outs=["*"])
    save(canvas, picture(canvas))
    return canvas.saved()


def muted_primitive(schema: Schema) -> Json:
    canvas = Canvas(schema)
    image = picture(canvas)
    node = canvas.add("PrimitiveNode", 128, "fixed", outs=["INT"], mode=2)
    canvas.link(node, 0, image, "width=")
    save(canvas, image)
    return canvas.saved()


def reroute(canvas: Canvas, origin: Json, slot: int = 0, **more: Any) -> Json:
    node = canvas.add("Reroute", outs=["*"], **more)
    node["outputs"][0]["name"] = ""
    canvas.link(origin, slot, node, "")
    node["outputs"][0]["type"] = origin["outputs"][slot]["type"]
    return node


def reroutes(schema: Schema) -> Json:
    canvas = Canvas(schema)
    first = reroute(canvas, picture(canvas))
    second = reroute(canvas, first)
    invert = canvas.add("ImageInvert")
    canvas.link(second, 0, invert, "image")
    save(canvas, invert)
    save(canvas, first)
    return canvas.saved()


def muted_reroute(schema: Schema) -> Json:
    canvas = Canvas(schema)
    save(canvas, reroute(canvas, picture(canvas), mode=2))
    return canvas.saved()


def reroutes_that_lead_nowhere(schema: Schema) -> Json:
    canvas = Canvas(schema)
    loose = canvas.add("Reroute", outs=["*"])
    canvas.slot(loose, "")
    save(canvas, loose)
    reroute(canvas, picture(canvas))
    return canvas.saved()


def reroute_of_a_number(schema: Schema) -> Json:
    canvas = Canvas(schema)
    image = picture(canvas)
    canvas.link(reroute(canvas, canvas.add("PrimitiveInt", 80, "fixed")), 0, image, "height=")
    save(canvas, image)
    return canvas.saved()


def reroute_points(schema: Schema) -> Json:
    """Points on links, which newer files keep in ``extra``."""
    canvas = Canvas(schema)
    save(canvas, picture(canvas))
    points = [{"id": 1, "pos": [300, 100], "linkIds": [1]}]
    return canvas.saved(extra={"reroutes": points, "linkExtensions": [{"id": 1, "parentId": 1}]})


def bypassed(schema: Schema) -> Json:
    """One that hands its picture on, one in a row behind it, one whose input is of another type."""
    canvas = Canvas(schema)
    image = picture(canvas)
    before = image
    for kind, values in [("ImageScale", ("nearest-exact", 32, 32, "disabled")), ("ImageInvert", ())]:
        node = canvas.add(kind, *values, mode=4)
        canvas.link(before, 0, node, "image")
        before = node
    save(canvas, before)
    mask = canvas.add("SolidMask", 1.0, 64, 48)
    turned = canvas.add("MaskToImage", mode=4)
    canvas.link(mask, 0, turned, "mask")
    save(canvas, turned)
    return canvas.saved()


def bypassed_with_a_choice_of_inputs(schema: Schema) -> Json:
    canvas = Canvas(schema)
    one, other = picture(canvas), canvas.add("EmptyImage", 32, 32, 1, 0)
    for links in [("image1", "image2"), ("image2",)]:
        blend = canvas.add("ImageBlend", 0.5, "normal", mode=4)
        for name in links:
            canvas.link(other if name == "image2" else one, 0, blend, name)
        save(canvas, blend)
    return canvas.saved()


def muted(schema: Schema) -> Json:
    """A muted node in the middle, and a muted branch beside one that runs."""
    canvas = Canvas(schema)
    image = picture(canvas)
    invert = canvas.add("ImageInvert", mode=2)
    canvas.link(image, 0, invert, "image")
    save(canvas, invert)
    other = save(canvas, image)
    other["mode"] = 2
    save(canvas, image)
    return canvas.saved()


def muted_source_of_a_widget(schema: Schema) -> Json:
    canvas = Canvas(schema)
    image = picture(canvas)
    canvas.link(canvas.add("PrimitiveInt", 512, "fixed", mode=2), 0, image, "width=")
    save(canvas, image)
    return canvas.saved()


def odd_modes(schema: Schema) -> Json:
    canvas = Canvas(schema)
    for mode in (1, 3, 5, -1, 4):
        save(canvas, picture(canvas, mode=mode))
    return canvas.saved()


def notes_and_groups(schema: Schema) -> Json:
    canvas = Canvas(schema)
    canvas.add("Note", "Write what you want above.")
    canvas.add("MarkdownNote", "**Steps**: few are enough.")
    save(canvas, picture(canvas))
    group = {"id": 1, "title": "Picture", "bounding": [0, 0, 600, 400], "color": "#3f789e", "flags": {}}
    return canvas.saved(groups=[group], extra={"ds": {"scale": 1, "offset": [0, 0]}})


def too_few_values(schema: Schema) -> Json:
    canvas = Canvas(schema)
    scale = canvas.add("ImageScale", "bilinear")
    canvas.link(canvas.add("EmptyImage", 64), 0, scale, "image")
    save(canvas, scale)
    return canvas.saved()


def too_many_values(schema: Schema) -> Json:
    canvas = Canvas(schema)
    save(canvas, canvas.add("EmptyImage", 64, 48, 1, 255, "more", None, 12))
    return canvas.saved()


def values_of_other_types(schema: Schema) -> Json:
    canvas = Canvas(schema)
    scale = canvas.add("ImageScale", "no method", "32", 3.5, None)
    canvas.link(canvas.add("EmptyImage", "64", None, True, -5), 0, scale, "image")
    save(canvas, scale, 0, 7.25)
    text = canvas.add("StringConcatenate", None, ["a", "b"], {"not": "text"})
    canvas.link(text, 0, canvas.add("PreviewAny"), "source")
    return canvas.saved()


def values_by_name(schema: Schema) -> Json:
    canvas = Canvas(schema)
    image = canvas.add("EmptyImage")
    image["widgets_values"] = {"width": 32, "height": 16, "batch_size": 2, "color": 9}
    save(canvas, image)
    return canvas.saved()


def numbers_at_their_limits(schema: Schema) -> Json:
    canvas = Canvas(schema)
    shown = [canvas.add("PrimitiveInt", value, "fixed") for value in (2**53, 2**53 + 1, -(2**60), 0)]
    shown += [canvas.add("PrimitiveFloat", value) for value in (0.1 + 0.2, 1e-7, 3.0, -0.0)]
    for node in shown:
        canvas.link(node, 0, canvas.add("PreviewAny"), "source")
    return canvas.saved()


def texts(schema: Schema) -> Json:
    """Comments, braces with one choice, escapes, line ends, other alphabets."""
    canvas = Canvas(schema)
    loader = canvas.add("CheckpointLoaderSimple", MODEL)
    for text in ["a // comment\nb", "a /* b */ c", "{one}", r"\{not a choice\}", "a\r\nb", "ĉielo 空 🌊", "",
                 "https://example.com/x", "{a {b} c", "50% of %width%"]:  # fmt: skip
        node = canvas.add("CLIPTextEncode", text)
        canvas.link(loader, 1, node, "clip")
        canvas.link(node, 0, canvas.add("PreviewAny"), "source")
    plain = canvas.add("PrimitiveString", "kept // as {it} is")
    canvas.link(plain, 0, canvas.add("PreviewAny"), "source")
    return canvas.saved()


def file_names(schema: Schema) -> Json:
    canvas = Canvas(schema)
    image = picture(canvas, title="Sea", properties={"Node name for S&R": "Base"})
    for prefix in ["%Sea.width%x%Base.height%", "sub/folder", "%EmptyImage.color%", "%Nobody.here%", "100%"]:
        save(canvas, image, 0, prefix)
    return canvas.saved()


def unknown_class(schema: Schema) -> Json:
    canvas = Canvas(schema)
    node = canvas.add("NobodyHasThis", 1, "two", outs=["IMAGE"])
    canvas.link(picture(canvas), 0, node, "image")
    save(canvas, node)
    return canvas.saved()


def files(schema: Schema) -> Json:
    """Files that are chosen or uploaded, with the values that their buttons leave behind."""
    canvas = Canvas(schema)
    loader = canvas.add("LoadImage", "example.png", "image")
    save(canvas, loader)
    mask = canvas.add("LoadImageMask", "pasted/mine.png [input]", "red", "image")
    turned = canvas.add("MaskToImage")
    canvas.link(mask, 0, turned, "mask")
    save(canvas, turned)
    return canvas.saved()


def sound_and_video(schema: Schema) -> Json:
    canvas = Canvas(schema)
    sound = canvas.add("EmptyAudio", 1.5, 44100, 2)
    canvas.link(sound, 0, canvas.add("SaveAudio", "sound"), "audio")
    video = canvas.add("CreateVideo", 24, 8)
    canvas.link(picture(canvas), 0, video, "images")
    canvas.link(sound, 0, video, "audio")
    canvas.link(video, 0, canvas.add("SaveVideo", "video", "auto", "auto"), "video")
    return canvas.saved()


def link_table_alone(schema: Schema) -> Json:
    """A link that only the table has, and one that only an input has."""
    canvas = Canvas(schema)
    image = picture(canvas)
    end, other = save(canvas, image), save(canvas, image)
    end["inputs"][0]["link"] = None
    canvas.links.pop()
    other["inputs"][0]["link"] = 2
    return canvas.saved()


def link_to_nothing(schema: Schema) -> Json:
    canvas = Canvas(schema)
    end = save(canvas, picture(canvas))
    canvas.links[0][1] = 99
    end["title"] = "its source is gone"
    return canvas.saved()


def two_nodes_of_one_id(schema: Schema) -> Json:
    canvas = Canvas(schema)
    save(canvas, picture(canvas))
    invert = canvas.add("ImageInvert")
    invert["id"] = 1
    return canvas.saved()


def circle(schema: Schema) -> Json:
    canvas = Canvas(schema)
    one, other = canvas.add("ImageInvert"), canvas.add("ImageInvert")
    canvas.link(one, 0, other, "image")
    canvas.link(other, 0, one, "image")
    save(canvas, other)
    return canvas.saved()


def linked_to_another_type(schema: Schema) -> Json:
    canvas = Canvas(schema)
    save(canvas, canvas.add("SolidMask", 1.0, 64, 48))
    return canvas.saved()


def linked_inputs_in_another_order(schema: Schema) -> Json:
    canvas = Canvas(schema)
    blend = canvas.add("ImageBlend", 0.25, "screen")
    blend["inputs"].reverse()
    for name in ("image1", "image2"):
        canvas.link(picture(canvas), 0, blend, name)
    save(canvas, blend)
    return canvas.saved()


def empty(schema: Schema) -> Json:
    return Canvas(schema).saved()


WRITTEN = [
    text_to_image, links_are_objects, old_file, no_control_was_saved, seeds, widgets_as_inputs,
    primitive_nodes, primitive_without_a_target, muted_primitive, reroutes, muted_reroute,
    reroutes_that_lead_nowhere, reroute_of_a_number, reroute_points, bypassed,
    bypassed_with_a_choice_of_inputs, muted, muted_source_of_a_widget, odd_modes, notes_and_groups,
    too_few_values, too_many_values, values_of_other_types, values_by_name, numbers_at_their_limits, texts,
    file_names, unknown_class, files, sound_and_video, link_table_alone, link_to_nothing,
    two_nodes_of_one_id, circle, linked_to_another_type, linked_inputs_in_another_order, empty,
]  # fmt: skip
