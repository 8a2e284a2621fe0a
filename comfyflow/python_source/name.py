"""Names for variables, parameters and functions, from titles, links and types; and for what nodes give."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..dynamic import is_wild
from ..graph import GraphNode
from ..schema import NodeSchema, OutputSchema
from .accepted import ANY, SOCKET

MAX_LENGTH: Final = 40
"""The longest name that is taken from a title."""

_WORDS: Final = re.compile(
    r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+(?:[0-9]+[a-z]+)*[0-9]*|[0-9]+[A-Za-z](?![A-Za-z])|[0-9]+[a-z]*"
)
_IN_BRACKETS: Final = re.compile(r"[(\uff08]([^()\uff08\uff09]+)[)\uff09]\s*$")
_BARE: Final = frozenset({"optional", "deprecated", "beta", "legacy", "advanced"})
_LEADING: Final = frozenset({"a", "load", "node", "the"})
_AMBIGUOUS: Final = frozenset({"l", "o", "i"})
_SECRET: Final = re.compile(r"(?<![^_])(passphrase|pass+wo?r?d|pass|pwd|secrete?|token)(?![^_])")
"""Words that linters take for the name of a secret; their plurals are not."""

NEVER: Final = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)
"""Names that no variable gets."""


class NameScope:
    """The names of one function.

    Args:
        taken: Names that mean something else in it.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}

    def claim(self, *wanted: str) -> str:
        """A name that nothing else in the scope has: the first free of these, else the first
        with a number.
        """
        names = [_legal(name) for name in wanted if name] or ["value"]
        found = next((name for name in names if name not in self._taken), None)
        if found is None:
            number = self._numbers.get(names[0], 2)
            while f"{names[0]}_{number}" in self._taken:
                number += 1
            self._numbers[names[0]] = number
            found = f"{names[0]}_{number}"
        self._taken.add(found)
        return found


def snake(text: str) -> str:
    """Text as a name: its ASCII words, in lower case, or ``""`` where it has none."""
    words: list[str] = []
    length = -1
    for found in _WORDS.finditer(text.replace("LoRA", "Lora")):
        length += 1 + len(found[0])
        if words and length > MAX_LENGTH:
            break
        words.append(found[0].lower())
    name = "_".join(words)[:MAX_LENGTH].rstrip("_")
    return name if any(character.isalpha() for character in name) else ""


def function_name(text: str) -> str:
    """Text as the name of a function; ``workflow_`` is before what is not a name alone."""
    name = snake(text)
    if not name.isidentifier():
        name = f"workflow_{name}".rstrip("_")
    return _legal(name)


def title_name(title: str | None, *usual: str) -> str:
    """The name that a title gives, or ``""`` where it says no more than the node's class does.

    Args:
        title: The node's title.
        usual: The node's name if it has no title.
    """
    if not title or title in usual:
        return ""
    bracketed = _IN_BRACKETS.search(title)
    if bracketed is not None and snake(bracketed[1]) not in _BARE:
        before = _plain(title[: bracketed.start()])
        if any(_plain(name).startswith(before) or before.startswith(_plain(name)) for name in usual):
            return _without_leading(snake(bracketed[1]))
    for name in usual:
        if title.startswith(name) and snake(title[len(name) :]):
            return snake(title[len(name) :])
    return "" if _plain(title) in map(_plain, usual) else _without_leading(snake(title))


def _without_leading(name: str) -> str:
    words = name.split("_")
    while len(words) > 1 and words[0] in _LEADING:
        del words[0]
    return "_".join(words)


def _legal(name: str) -> str:
    if not name.isidentifier():
        name = f"n_{name}"
    if name in NEVER or name in _AMBIGUOUS:
        return f"{name}_"
    return _SECRET.sub(lambda found: f"{found[0]}s", name)


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


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


def names_for_output(
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
