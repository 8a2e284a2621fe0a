"""Workflows written by hand: subgraphs, group nodes, and inputs that unfold or grow."""

from __future__ import annotations

from typing import Any

from comfyflow.schema import Schema

from .canvas import Canvas, Json, host
from .written import picture, save

MATCH = "COMFY_MATCHTYPE_V3"


def resized(schema: Schema) -> Json:
    """Every option of a dynamic combo, each with the inputs that it brings."""
    canvas = Canvas(schema)
    for option, values in [
        ("scale dimensions", (32, 16, "center")),
        ("scale by multiplier", (0.5,)),
        ("scale longer dimension", (40,)),
        ("scale total pixels", (0.25,)),
        ("another option", (1, 2)),
    ]:
        node = canvas.add("ResizeImageMaskNode", option, *values, "area", outs=[MATCH])
        canvas.link(picture(canvas), 0, node, "input")
        save(canvas, node)
    return canvas.saved()


def linked_input_of_an_option(schema: Schema) -> Json:
    canvas = Canvas(schema)
    node = canvas.add("ResizeImageMaskNode", "scale dimensions", 32, 16, "disabled", "area", outs=[MATCH])
    canvas.link(picture(canvas), 0, node, "input")
    canvas.link(canvas.add("PrimitiveInt", 24, "fixed"), 0, node, "resize_type.width=")
    save(canvas, node)
    return canvas.saved()


def nothing_unfolds_as_yet(schema: Schema) -> Json:
    canvas = Canvas(schema)
    node = canvas.add("ResizeImageMaskNode", outs=[MATCH])
    canvas.link(picture(canvas), 0, node, "input")
    save(canvas, node)
    return canvas.saved()


def codecs(schema: Schema) -> Json:
    """Dynamic combos beside each other, the second with an option that is not the first."""
    canvas = Canvas(schema)
    video = canvas.add("CreateVideo", 12, 8)
    canvas.link(picture(canvas), 0, video, "images")
    canvas.link(video, 0, canvas.add("SaveVideo", "v", "mp4", "h264"), "video")
    return canvas.saved()


def growing(schema: Schema) -> Json:
    """Slots that grow, in a row and with a gap, and one more than is linked."""
    canvas = Canvas(schema)
    image = picture(canvas)
    for numbers in [(0, 1), (0, 2), (0, 1, 2, 3)]:
        node = canvas.add("BatchImagesNode")
        for number in numbers:
            canvas.link(image, 0, node, f"images.image{number}")
        canvas.slot(node, f"images.image{numbers[-1] + 1}", "IMAGE")
        save(canvas, node)
    return canvas.saved()


def growing_beside_a_widget(schema: Schema) -> Json:
    canvas = Canvas(schema)
    node = canvas.add("ComfyMathExpression", "a * b + 1")
    for name in ("a", "b"):
        canvas.link(canvas.add("PrimitiveInt", 3, "fixed"), 0, node, f"values.{name}")
    for slot in (0, 1):
        canvas.link(node, slot, canvas.add("PreviewAny"), "source")
    return canvas.saved()


def switch(schema: Schema) -> Json:
    """Inputs and outputs whose type goes by what is linked."""
    canvas = Canvas(schema)
    node = canvas.add("ComfySwitchNode", True, outs=[MATCH])
    canvas.link(picture(canvas), 0, node, "on_false")
    canvas.link(picture(canvas), 0, node, "on_true")
    save(canvas, node)
    latent = canvas.add("ComfySwitchNode", False, outs=[MATCH])
    canvas.link(canvas.add("EmptyLatentImage", 64, 64, 1), 0, latent, "on_false")
    canvas.link(latent, 0, canvas.add("PreviewAny"), "source")
    return canvas.saved()


def bypassed_switch(schema: Schema) -> Json:
    canvas = Canvas(schema)
    node = canvas.add("ComfySwitchNode", True, outs=[MATCH], mode=4)
    canvas.link(picture(canvas), 0, node, "on_true")
    save(canvas, node)
    return canvas.saved()


def a_list_of_anything(schema: Schema) -> Json:
    canvas = Canvas(schema)
    node = canvas.add("CreateList", outs=[MATCH])
    for number in range(3):
        canvas.link(canvas.add("PrimitiveString", f"text {number}"), 0, node, f"inputs.input{number}")
    canvas.link(node, 0, canvas.add("PreviewAny"), "source")
    return canvas.saved()


def custom_combo(schema: Schema) -> Json:
    """Choices that the file itself brings."""
    canvas = Canvas(schema)
    node = canvas.add("CustomCombo", "red", 0, "red", "green", "")
    canvas.link(node, 0, canvas.add("PreviewAny"), "source")
    return canvas.saved()


def titled_picture(schema: Schema, id_: str = "d1b2c3a4-0000-4000-8000-000000000001") -> Json:
    """A subgraph that shows two widgets of what it makes a picture of."""
    inside = Canvas(schema, 10)
    image = inside.add("EmptyImage", 64, 48, 1, 255)
    invert = inside.add("ImageInvert")
    inside.link(image, 0, invert, "image")
    inside.inlet("width", "INT", (image, "width="))
    inside.inlet("height", "INT", (image, "height="))
    inside.outlet("IMAGE", "IMAGE", invert)
    return inside.subgraph(id_, "Picture")


def subgraph(schema: Schema) -> Json:
    canvas, inner = Canvas(schema), titled_picture(schema)
    save(canvas, host(canvas, inner, 32, 24))
    return canvas.saved(inner)


def subgraph_used_twice(schema: Schema) -> Json:
    """With its own values, with too few, and with null."""
    canvas, inner = Canvas(schema), titled_picture(schema)
    for values in [(32, 24), (16,), (None, 8), ()]:
        save(canvas, host(canvas, inner, *values))
    return canvas.saved(inner)


def subgraph_with_a_linked_widget(schema: Schema) -> Json:
    canvas, inner = Canvas(schema), titled_picture(schema)
    node = host(canvas, inner, 32, 24)
    canvas.link(canvas.add("PrimitiveInt", 96, "fixed"), 0, node, "height=")
    save(canvas, node)
    return canvas.saved(inner)


def primitive_on_a_subgraph(schema: Schema) -> Json:
    canvas, inner = Canvas(schema), titled_picture(schema)
    node = host(canvas, inner, 32, 24)
    canvas.link(canvas.add("PrimitiveNode", 72, "fixed", outs=["INT"]), 0, node, "width=")
    save(canvas, node)
    return canvas.saved(inner)


def proxy_widgets(schema: Schema) -> Json:
    """Widgets that a subgraph's node shows without an input of the subgraph."""
    inside = Canvas(schema, 10)
    image = inside.add("EmptyImage", 64, 48, 1, 255)
    inside.outlet("IMAGE", "IMAGE", image)
    inner = inside.subgraph("d1b2c3a4-0000-4000-8000-000000000002", "Shown")
    canvas = Canvas(schema)
    for shown, values in [([["10", "color"], ["10", "width"]], (9, 40)), ([["10", "gone"]], (1,)), ([], ())]:
        save(canvas, host(canvas, inner, *values, properties={"proxyWidgets": shown}))
    return canvas.saved(inner)


def inactive_subgraphs(schema: Schema) -> Json:
    canvas, inner = Canvas(schema), titled_picture(schema)
    for mode in (2, 4):
        save(canvas, host(canvas, inner, 32, 24, mode=mode))
    save(canvas, picture(canvas))
    return canvas.saved(inner)


def bypassed_subgraph_in_a_row(schema: Schema) -> Json:
    inside = Canvas(schema, 10)
    invert = inside.add("ImageInvert")
    inside.inlet("image", "IMAGE", (invert, "image"))
    inside.outlet("IMAGE", "IMAGE", invert)
    inner = inside.subgraph("d1b2c3a4-0000-4000-8000-000000000003", "Inverted")
    canvas = Canvas(schema)
    for mode in (0, 4):
        node = host(canvas, inner, mode=mode)
        canvas.link(picture(canvas), 0, node, "image")
        save(canvas, node)
    return canvas.saved(inner)


def modes_in_a_subgraph(schema: Schema) -> Json:
    inside = Canvas(schema, 10)
    image = inside.add("EmptyImage", 64, 48, 1, 255)
    invert = inside.add("ImageInvert", mode=4)
    inside.link(image, 0, invert, "image")
    gone = inside.add("ImageInvert", mode=2)
    inside.link(image, 0, gone, "image")
    inside.outlet("kept", "IMAGE", invert)
    inside.outlet("gone", "IMAGE", gone)
    inside.outlet("nothing", "IMAGE")
    inner = inside.subgraph("d1b2c3a4-0000-4000-8000-000000000004", "Partly off")
    canvas = Canvas(schema)
    node = host(canvas, inner)
    for slot in range(3):
        save(canvas, node, slot)
    return canvas.saved(inner)


def nested_subgraphs(schema: Schema) -> Json:
    inner = titled_picture(schema)
    middle = Canvas(schema, 30)
    node = host(middle, inner, 20, 12)
    middle.inlet("width", "INT", (node, "width="))
    middle.outlet("IMAGE", "IMAGE", node)
    outer = middle.subgraph("d1b2c3a4-0000-4000-8000-000000000005", "Outer")
    canvas = Canvas(schema)
    for values in [(88,), ()]:
        save(canvas, host(canvas, outer, *values))
    return canvas.saved(outer, inner)


def one_input_for_many(schema: Schema) -> Json:
    """A subgraph's input that feeds two widgets, and one that feeds none."""
    inside = Canvas(schema, 10)
    one, other = inside.add("EmptyImage", 64, 48, 1, 1), inside.add("EmptyImage", 16, 8, 1, 2)
    blend = inside.add("ImageBlend", 0.5, "normal")
    inside.link(one, 0, blend, "image1")
    inside.link(other, 0, blend, "image2")
    inside.inlet("size", "INT", (one, "width="), (other, "width="), (other, "height="))
    inside.inlet("unused", "FLOAT")
    inside.outlet("IMAGE", "IMAGE", blend)
    inner = inside.subgraph("d1b2c3a4-0000-4000-8000-000000000006", "Blended")
    canvas = Canvas(schema)
    save(canvas, host(canvas, inner, 40))
    return canvas.saved(inner)


def seed_in_a_subgraph(schema: Schema) -> Json:
    inside = Canvas(schema, 10)
    noise = inside.add("RandomNoise", 5, "randomize")
    inside.inlet("noise_seed", "INT", (noise, "noise_seed="))
    inside.outlet("NOISE", "NOISE", noise)
    inner = inside.subgraph("d1b2c3a4-0000-4000-8000-000000000007", "Noise")
    canvas = Canvas(schema)
    for values in [(77, "fixed"), (78,), ()]:
        canvas.link(host(canvas, inner, *values), 0, canvas.add("PreviewAny"), "source")
    return canvas.saved(inner)


def reroute_through_a_subgraph(schema: Schema) -> Json:
    """What goes in comes out."""
    inside = Canvas(schema, 10)
    turn = inside.add("Reroute", outs=["IMAGE"])
    inside.inlet("image", "IMAGE", (turn, ""))
    inside.outlet("IMAGE", "IMAGE", turn)
    inner = inside.subgraph("d1b2c3a4-0000-4000-8000-000000000008", "Through")
    canvas = Canvas(schema)
    node = host(canvas, inner)
    canvas.link(picture(canvas), 0, node, "image")
    save(canvas, node)
    return canvas.saved(inner)


def subgraph_of_unknown_definition(schema: Schema) -> Json:
    canvas = Canvas(schema)
    save(canvas, canvas.add("d1b2c3a4-0000-4000-8000-00000000dead", 5, outs=["IMAGE"]))
    return canvas.saved(titled_picture(schema))


def group_node(schema: Schema) -> Json:
    """What grouped nodes before there were subgraphs."""
    inside = Canvas(schema)
    image = inside.add("EmptyImage", 64, 48, 1, 255, index=0)
    invert = inside.add("ImageInvert", index=1)
    inside.link(image, 0, invert, "image")
    for node in inside.nodes:
        node["id"] = -1
        for slot in node["inputs"]:
            slot["link"] = None
        for slot in node["outputs"]:
            slot["links"] = []
    group: Json = {"nodes": inside.nodes, "links": [[0, 0, 1, 0, 1, "IMAGE"]], "external": []}
    canvas = Canvas(schema)
    node: dict[str, Any] = canvas.add("workflow>Inverted", 32, 24, 1, 9, outs=["IMAGE"])
    save(canvas, node)
    return canvas.saved(extra={"groupNodes": {"Inverted": group}})


NESTED = [
    resized, linked_input_of_an_option, nothing_unfolds_as_yet, codecs, growing, growing_beside_a_widget,
    switch, bypassed_switch, a_list_of_anything, custom_combo, subgraph, subgraph_used_twice,
    subgraph_with_a_linked_widget, primitive_on_a_subgraph, proxy_widgets, inactive_subgraphs,
    bypassed_subgraph_in_a_row, modes_in_a_subgraph, nested_subgraphs, one_input_for_many,
    seed_in_a_subgraph, reroute_through_a_subgraph, subgraph_of_unknown_definition, group_node,
]  # fmt: skip
