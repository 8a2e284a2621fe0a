"""What the outputs of a node are called in a function."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ..dynamic import is_wild
from ..graph import GraphNode
from ..schema import NodeSchema, OutputSchema
from .accepted import ANY, SOCKET
from .name import snake, title_name

_GENERIC: Final = frozenset(
    {
        "a", "any", "anything", "audio", "b", "clip", "conditioning",
        "conditioning_from", "conditioning_to", "destination", "expression", "image", "images", "input",
        "latent", "latent_image", "latents", "model", "on_false", "on_true", "pixels", "samples",
        "source", "string", "string_a", "string_b", "text", "value", "values", "video",
    }
)  # fmt: skip
"""Names of inputs that say no more than the type does."""

_DONE: Final = {
    "blend": "blended",
    "blur": "blurred",
    "combine": "combined",
    "composite": "composited",
    "concat": "joined",
    "concatenate": "joined",
    "crop": "cropped",
    "enhance": "enhanced",
    "flip": "flipped",
    "grow": "grown",
    "inpaint": "inpainted",
    "interpolate": "interpolated",
    "interpolation": "interpolated",
    "invert": "inverted",
    "join": "joined",
    "merge": "merged",
    "noise": "noised",
    "normalize": "normalized",
    "outpaint": "outpainted",
    "pad": "padded",
    "quantize": "quantized",
    "remove": "removed",
    "repeat": "repeated",
    "replace": "replaced",
    "resize": "resized",
    "reverse": "reversed_",
    "rotate": "rotated",
    "scale": "scaled",
    "segment": "segmented",
    "segmentation": "segmented",
    "sharpen": "sharpened",
    "stitch": "stitched",
    "threshold": "thresholded",
    "trim": "trimmed",
    "upsampler": "upscaled",
    "upscale": "upscaled",
    "upscaler": "upscaled",
}
"""What was done to something, by the word in the name of the class that did it."""

_ALTERED: Final = frozenset({"IMAGE", "LATENT", "MASK", "VIDEO", "AUDIO"})
"""Types whose variables are named after what was done to them."""

_PATCHED: Final = frozenset({"MODEL", "CLIP"})
"""Types whose variables are named after what was added to them."""

_PATCH_WORDS: Final = frozenset(
    {"add", "advanced", "apply", "clip", "loader", "model", "node", "only", "patch"}
)
"""Words in the name of a class that say nothing of what it adds."""

_LONGEST_PATCH: Final = 24

_PLAIN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*")


def output_names(
    node: GraphNode, known: NodeSchema | None, slot: int, carried: str, users: Sequence[str]
) -> list[str]:
    """Names for an output, the best first; all say about the same.

    Args:
        node: The node.
        known: Its class.
        slot: The output.
        carried: What it carries, as far as that is known.
        users: The names of the inputs that it is linked to, without what is before a dot.
    """
    title = title_name(node.title, known.display_name if known is not None else "", node.class_type)
    output = known.outputs[slot] if known is not None and slot < len(known.outputs) else None
    kind = carried if carried not in (ANY, SOCKET) else output.type if output is not None else "*"
    names = _names(node, known, output, "*" if is_wild(kind) else kind, users, title)
    return next((found for found in names if found and all(found)), ["value"])


def whole_names(node: GraphNode, known: NodeSchema | None) -> list[str]:
    """Names for a node itself: one that is run for, or one of many outputs."""
    title = title_name(node.title, known.display_name if known is not None else "", node.class_type)
    own = snake(node.class_type).removesuffix("_node") or "node"
    first, _, rest = own.partition("_")
    if first == "save" and rest:
        own = f"saved_{rest}"
    return [name for name in (title, own) if name]


def type_noun(kind: str) -> str:
    """What one calls a thing of a type."""
    return {"INT": "number", "FLOAT": "number", "STRING": "text", "BOOLEAN": "flag", "*": "value"}.get(
        kind, snake(kind) or "value"
    )


def _names(
    node: GraphNode,
    known: NodeSchema | None,
    output: OutputSchema | None,
    kind: str,
    users: Sequence[str],
    title: str,
) -> Iterator[list[str]]:
    several = known is not None and len(known.outputs) > 1
    distinct = list(dict.fromkeys(user.rstrip("0123456789").rstrip("_") for user in users))
    role = distinct[0] if len(distinct) == 1 else ""
    own = _own_name(output.name, kind) if output is not None else ""
    noun = type_noun(kind)
    if role in ("positive", "negative") and kind == "CONDITIONING":
        yield [role]
    if title:
        said = not several or title.endswith(own or noun)
        yield [title if said else f"{title}_{own or noun}"]
    altered = f"{own or noun}_with_{patch}" if (patch := _patch(node, known, kind)) else ""
    if several:
        yield [own, altered] if altered else [own]
    if role not in _GENERIC:
        yield [snake(role)]
    done = _done_to(node, known) if kind in _ALTERED else ""
    if done:
        yield [done, f"{done}_{noun}"]
    if altered:
        yield [own or noun, altered]
    yield [own]
    if kind == "LATENT" and node.class_type.startswith("Empty"):
        yield ["empty_latent"]
    yield [noun if kind != "*" else snake(node.class_type)]


def _own_name(name: str, kind: str) -> str:
    """The server's name of an output, where it says more than the type."""
    if name == kind or not _PLAIN_NAME.fullmatch(name) or name.casefold() in ("output", "value"):
        return "" if name != kind or kind == "*" else type_noun(kind)
    return snake(name)


def _patch(node: GraphNode, known: NodeSchema | None, kind: str) -> str:
    """What a node adds to a model that it is given: ``lora``, ``differential_diffusion``."""
    if kind not in _PATCHED or known is None or all(entry.type != kind for entry in known.inputs):
        return ""
    words = [word for word in snake(node.class_type).split("_") if word not in _PATCH_WORDS]
    patch = "_".join(words)
    return patch if len(patch) <= _LONGEST_PATCH else ""


def _done_to(node: GraphNode, known: NodeSchema | None) -> str:
    words = snake(node.class_type).split("_")
    if known is not None:
        words += snake(known.display_name).split("_")
    return next((_DONE[word] for word in words if word in _DONE), "")
