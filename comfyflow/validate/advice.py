"""Warnings about one node: what the server lets through and then dies on, or quietly changes."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..dynamic import KINDS
from ..graph.prompt import is_link, unwrapped
from ..input_file import ANNOTATIONS
from ..json_types import is_array, is_object
from ..problem import Severity
from ..schema import InputSchema
from ..schema.input_schema import COMBO, PRIMITIVES
from .constant import converted
from .findings import Remark, shown
from .plan import ClassPlan, InputPlan, SchemaPlans, Unfolded
from .rules import DEEPEST_VALUE

FILE_NOT_CHECKED: Final = "file_not_checked"
_WIDGETS: Final = PRIMITIVES | KINDS.keys() | {COMBO, "*"}
_WIDGET_SIGNS: Final = ("default", "widgetType", "component", "socketless")


def on_nesting(node_id: str, name: str | None, depth: int, strange: object) -> Iterator[Remark]:
    """A value that no prompt should hold: nested too deep, or no JSON.

    Args:
        node_id: The node.
        name: The input, or None for something else that is in the node.
        depth: How deep the value is nested.
        strange: What is not JSON in it, or None.
    """
    if strange is not None:
        yield Remark("not_json", f"holds {shown(strange)}, which is not JSON", node_id, name, "refusal")
    elif depth > DEEPEST_VALUE:
        levels = f"more than {_COUNTED}" if depth > _COUNTED else str(depth)
        message = f"is nested {levels} levels deep; more than {DEEPEST_VALUE} can kill a server's worker"
        yield Remark("nested_too_deep", message, node_id, name, "refusal")


_COUNTED: Final = 2000


def nesting(value: object) -> tuple[int, object]:
    """How deep lists and objects are in one another, and something in them that is not JSON.

    Counts no further than 2,001 levels, so that what contains itself ends too.

    Args:
        value: A constant of a prompt.
    """
    level: dict[int, Any] = {id(value): value}
    depth = 0
    while level and depth <= _COUNTED:
        below: dict[int, Any] = {}
        for item in level.values():
            if is_object(item):
                below.update((id(inner), inner) for inner in item.values())
            elif is_array(item):
                below.update((id(inner), inner) for inner in item)
            elif not isinstance(item, (str, int, float, type(None))):
                return depth, item
        depth += bool(below)
        level = below
    return depth, None


def on_constant(node_id: str, entry: InputPlan, value: Any, plans: SchemaPlans) -> Iterator[Remark]:
    """A constant that the server accepts: what happens to it.

    Args:
        node_id: The node.
        entry: The input, for which the server accepts the constant.
        value: The constant.
        plans: The plans of the schema.
    """
    kind = entry.entry.type
    inner = unwrapped(value)
    if entry.entry.upload and isinstance(inner, str) and _is_folder(inner) and entry.entry.required:
        message = f"is {shown(inner)}, which names a folder on the server, not a file; the node will fail"
        yield Remark("no_file_named", message, node_id, entry.name)
    if kind in PRIMITIVES:
        stored = converted(entry, value)
        if isinstance(stored, float) and not math.isfinite(stored):
            yield Remark("not_finite", f"is {shown(inner)}; nodes rarely expect that", node_id, entry.name)
        elif not _same(inner, stored):
            message = f"is {shown(inner)}; the server turns it into {shown(stored)}"
            severity: Severity = "note" if _means_the_same(inner, stored) else "warning"
            yield Remark("value_converted", message, node_id, entry.name, severity)
    elif kind == COMBO:
        yield from _unlisted(node_id, entry, inner)
    elif _is_socket(entry.entry, plans):
        takes = f"takes a link of type {kind}, not {shown(inner)}"
        if entry.entry.types & plans.core_types:
            yield Remark("constant_for_socket", f"{takes}; the node will fail", node_id, entry.name)
        else:
            unknown = f"{takes}; whether the pack that defines {kind} accepts it is unknown"
            yield Remark("constant_for_socket", unknown, node_id, entry.name, "note")


def _is_folder(name: str) -> bool:
    """Whether a loader's own check takes a folder for the file: it only looks whether it is there."""
    bare = name
    for annotation in ANNOTATIONS:
        bare = bare.removesuffix(annotation)
    return not bare or bare.endswith("/") or posixpath.normpath(bare) == "."


def _same(given: object, stored: object) -> bool:
    if isinstance(given, str) != isinstance(stored, str):
        return False
    if isinstance(given, bool) != isinstance(stored, bool):
        return isinstance(stored, bool) and given in (0, 1)
    return given == stored or given != given


def _means_the_same(given: object, stored: object) -> bool:
    """Whether nothing is lost: a number and its text, 0 and 1 and a switch, or a switch by its name.

    The server takes any text for True that is not empty, "False" as well, and cuts fractions off.
    """
    if isinstance(given, str):
        if isinstance(stored, bool):
            return given.strip().casefold() in ("", "true") and stored == bool(given.strip())
        return isinstance(stored, (int, float))
    if isinstance(stored, str):
        return isinstance(given, (bool, int, float))
    return given == stored


def _unlisted(node_id: str, entry: InputPlan, value: object) -> Iterator[Remark]:
    """Choices that this server version does not check."""
    choices = entry.entry.choices
    if not choices or not entry.limited or isinstance(value, (list, dict)) or value in choices:
        return
    message = f"is {shown(value)}, which is not one of its choices; this server does not check them"
    texts = [choice for choice in choices if isinstance(choice, str)]
    yield Remark("value_not_in_list", message, node_id, entry.name, near=(str(value), texts))


def _is_socket(entry: InputSchema, plans: SchemaPlans) -> bool:
    """Whether only a link can be meant: no widget, and something puts the type out."""
    if entry.types & _WIDGETS or any(sign in entry.options for sign in _WIDGET_SIGNS):
        return False
    return bool(entry.types & plans.linkable_types) and not entry.types & _TYPED_IN


_TYPED_IN: Final = frozenset(
    {
        "ARRAY",
        "AUDIO_RECORD",
        "BOUNDING_BOX",
        "BOUNDING_BOXES",
        "COLOR",
        "COLORS",
        "CURVE",
        "DICT",
        "FLOATS",
        "HISTOGRAM",
        "IMAGECOMPARE",
        "LOAD3D_CAMERA",
        "LOAD_3D",
        "LOAD_3D_ANIMATION",
        "RANGE",
        "WEBCAM",
    }
)
"""Types that have their own widget in the editor, although nodes put them out as well."""


def on_slot(node_id: str, name: str, slot: Any, count: int) -> Iterator[Remark]:
    """Slots that the server takes, but that no editor writes."""
    if isinstance(slot, bool) or slot < 0:
        index = int(slot) % count
        message = f"links to slot {slot!r}, which the server takes for {index}; write {index}"
        yield Remark("odd_slot", message, node_id, name)


def on_prefix(node_id: str, name: str, prefix: str) -> Iterator[Remark]:
    """A prefix whose files the server does not write, or writes and does not show.

    ``folder_paths.get_save_image_path`` raises where the folder is outside of the output folder;
    ``GET /view`` refuses every name with ``..`` in it; ``server.py`` of 0.3.64 to 0.33.0. What
    is before the last ``/`` is a folder, and no part of the name.
    """
    folder, file = posixpath.split(posixpath.normpath(prefix))
    if folder.startswith("/") or folder.partition("/")[0] == "..":
        inside = posixpath.join(*(part for part in prefix.split("/") if part not in ("", ".", "..")), "")
        message = (
            f"is {shown(prefix)}, which is outside the server's output folder; the node will fail unless "
            f"the path leads back into it. {shown(inside.rstrip('/') or 'ComfyUI')} stays inside"
        )
        yield Remark("file_outside", message, node_id, name)
    elif ".." in file:
        right = posixpath.join(folder, re.sub(r"\.{2,}", ".", file).rstrip(".") or "ComfyUI")
        message = (
            f"is {shown(prefix)}; a server does not serve a file with '..' in its name, so its output "
            f"cannot be downloaded; {shown(right)} can"
        )
        yield Remark("file_not_shown", message, node_id, name)


def on_file(node_id: str, name: str) -> Remark:
    """A file that cannot be looked for from here."""
    message = f"names the file {shown(name)}; whether it exists is unknown"
    return Remark(FILE_NOT_CHECKED, message, node_id, severity="note")


_Dynamic = tuple[str, InputSchema, Any]


def on_choices(node_id: str, plan: ClassPlan, given: Mapping[str, Any]) -> Iterator[Remark]:
    """Inputs with a missing or an unknown key: no server notices before the node fails."""
    for name, entry, chosen in plan.dynamic_inputs(given):
        keys = entry.offered
        if keys is None or (chosen is not None and chosen is not False):
            continue
        if chosen is False:
            key = unwrapped(given[name])
            near = (key if isinstance(key, str) else shown(key), keys)
            message = (
                f"is {shown(given[name])}, which is not one of its choices{_listed(keys)}; the node will fail"
            )
            yield Remark("dynamic_key_unknown", message, node_id, name, near=near)
        elif entry.required and name.partition(".")[2] not in plan.kept:
            message = f"is missing; it needs a choice{_listed(keys)}, or the node will fail"
            yield Remark("dynamic_key_missing", message, node_id, name)


def _listed(keys: Sequence[Any]) -> str:
    few = [*map(shown, keys[:_SHOWN_KEYS]), *(["…"] if len(keys) > _SHOWN_KEYS else [])]
    return f" ({', '.join(few)})" if few else ""


_SHOWN_KEYS: Final = 5

_EDITOR_WIDGETS: Final = frozenset(
    {"audioUI", "clear", "refresh", "upload", "upload 3d model", "upload extra resources"}
)
"""Buttons and players of the editor that it writes into prompts as if they were inputs."""

_EDITOR_VIEWERS: Final[Mapping[str, str]] = {
    "Load3DAdvanced": "viewport_state",
    "Preview3D": "image",
    "Preview3DAnimation": "image",
    "PreviewAny": "preview",
    "SaveGLB": "image",
}
"""Class to the viewer that the editor puts on its nodes, and writes into prompts likewise."""


def on_unknown(
    node_id: str,
    plan: ClassPlan,
    name: str,
    value: Any,
    unfolded: Unfolded,
    given: Mapping[str, Any],
) -> Iterator[Remark]:
    """An input that the node does not have.

    The server passes on what is linked under any name, and constants to a class whose
    ``INPUT_TYPES`` contain their names, which need not be in /object_info. So only of ComfyUI's
    own classes is it known that they do not take it.

    Args:
        node_id: The node.
        plan: Its class.
        name: The input.
        value: What is given for it.
        unfolded: The inputs that the node has.
        given: All that it is given.
    """
    owners = (found for found in plan.dynamic_inputs(given) if _is_under(name, found[0]))
    owner = max(owners, key=lambda found: len(found[0]), default=None)
    if owner is not None and (name == owner[0] or (_is_unchosen(owner) and not is_link(value))):
        return  # reported by on_choices
    keeps = plan.own is not None and plan.own.keeps_all
    free = [known for known in unfolded.inputs if known not in given]
    if plan.node is not None and plan.node.of_pack:
        yield from _unknown_to_pack(node_id, plan, name, free)
    elif is_link(value):
        message = _link_to_nothing(plan, owner)
        yield Remark("unknown_link", message, node_id, name, near=(name, free))
    elif keeps or name in _EDITOR_WIDGETS or name == _EDITOR_VIEWERS.get(plan.class_type):
        return
    elif name in plan.hidden:
        yield Remark("unknown_input", _FILLED, node_id, name)
    else:
        what = f"is not an input of {plan.class_type}" if owner is None else _not_under(owner, given)
        yield Remark("unknown_input", f"{what}; the server ignores it", node_id, name, near=(name, free))


def _unknown_to_pack(node_id: str, plan: ClassPlan, name: str, free: Sequence[str]) -> Iterator[Remark]:
    if name in plan.filled:
        yield Remark("unknown_input", _FILLED, node_id, name)
        return
    keeps = plan.own is not None and plan.own.keeps_all
    if not keeps and name not in plan.hidden | _EDITOR_WIDGETS and not plan.may_grow(name):
        message = f"is not among the inputs that the server lists for {plan.class_type}; {_MAY_TAKE}"
        yield Remark("unlisted_input", message, node_id, name, "note", (name, free))


_FILLED: Final = "is filled in by the server; the given value is ignored"
_MAY_TAKE: Final = "a class from a node pack may still accept it"


def _is_unchosen(owner: _Dynamic) -> bool:
    """Whether its key is not known, so that what it adds is unknown."""
    _, entry, chosen = owner
    return entry.is_choice and (chosen is None or chosen is False)


def _is_under(name: str, start: str) -> bool:
    return name == start or name.startswith(f"{start}.")


def _link_to_nothing(plan: ClassPlan, owner: _Dynamic | None) -> str:
    grown = owner[1].autogrow if owner is not None else None
    if owner is not None and grown is not None:
        upto = f" (the last is {owner[0]}.{grown.names[-1]})" if grown.names else ""
        return f"is beyond the limit of {owner[0]!r}{upto}; the node will fail"
    return f"is not an input of {plan.class_type}; the server runs the linked nodes, and then this node fails"


def _not_under(owner: _Dynamic, given: Mapping[str, Any]) -> str:
    name, entry, _ = owner
    if entry.is_choice and name in given:
        return f"is not an input that {name!r} adds when it is {shown(given[name])}"
    return f"is not an input that {name!r} adds"
