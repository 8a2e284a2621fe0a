"""Easy-Use: Set and Get nodes of the pack [C9], and widgets whose value its code makes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...json_types import array_or_empty, is_array, is_object
from ..javascript import js_length, js_text, truthy
from ..pack import Pack, PackNode

_SAVING: Final = (
    "easy detailerFix",
    "easy fullkSampler",
    "easy imageSave",
    "easy kSampler",
    "easy kSamplerDownscaleUnet",
    "easy kSamplerInpainting",
    "easy kSamplerSDTurbo",
    "easy kSamplerTiled",
)
_NEW_ANGLE: Final = {"rotate": 0, "vertical": 0, "zoom": 5, "add_angle_prompt": True}
_NEW_TOOLBAR: Final = {"select": "now", "unlock": True, "last_seed": 0, "seed": 0}
_NEW_HEADERS: Final = ("列1", "列2", "列3")
_NEW_ROWS: Final = (("", "", ""), ("", "", ""))
_LEAST_WIDTH: Final = 3
_RULE: Final = re.compile(r"\|?[\s\-|:]+\|?")
_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
_WHOLE: Final = re.compile(r"\s*([+-]?\d{1,15})")
_SLIDERS: Final[Mapping[str, int]] = {"sdxl": 12, "sd1": 16}
_STRONG: Final[Mapping[int, float]] = {3: 2.5, 6: 1}
"""The places of the SDXL sliders that do not start at 0."""


def _file_name(node: PackNode) -> None:
    for name in ("filename_prefix", "save_prefix"):
        node.replace_text(name)


def _picked_text(node: PackNode) -> None:
    """Lists to pick texts from send their headline, whatever is picked."""
    for name in node.widgets:
        headline = next(iter(node.choices(name)), None)
        if isinstance(headline, str) and "Select the " in headline:
            node.set(name, headline)


def _parts(node: PackNode) -> None:
    """The chosen parts are numbers with commas between them; what is not one is sent as NaN."""
    value = node.get("mask_components")
    if isinstance(value, str) and value:
        node.set("mask_components", ",".join(_whole(part) if part else "" for part in value.split(",")))


def _whole(text: str) -> str:
    found = _WHOLE.match(text)
    return str(int(found[1])) if found else "NaN"


def _toolbar(node: PackNode) -> None:
    """What was chosen while a run waited is sent as JSON; a workflow that is loaded has chosen nothing."""
    node.set("toolbar", _json(_NEW_TOOLBAR))


def _angles(node: PackNode) -> None:
    """One or several angles, as JSON. They are kept as the JSON, or as a list."""
    saved = _read_json(node.get("multi_angle"))
    node.set("multi_angle", _json(saved if is_array(saved) and saved else [_NEW_ANGLE]))


def _table(node: PackNode) -> None:
    """A table is kept as JSON with its cells, and sent as Markdown."""
    saved = node.get("table_data")
    table = _read_json(saved)
    headers: Sequence[Any]
    rows: Sequence[Any]
    if is_object(table) and truthy(table.get("headers")):
        headers, rows = array_or_empty(table.get("headers")), array_or_empty(table.get("rows"))
        text = table.get("markdown")
        if table.get("mode") == "markdown" and isinstance(text, str) and text:
            node.set("table_data", text)
            return
    else:
        headers, rows = _read_markdown(saved) or (_NEW_HEADERS, _NEW_ROWS)
    node.set("table_data", _markdown(headers, rows))


def _markdown(headers: Sequence[Any], rows: Sequence[Any]) -> str:
    cells = [[_cell(row, place) for place in range(len(headers))] for row in rows]
    titles = [js_text(header) for header in headers]
    widths = [
        max(_LEAST_WIDTH, *(js_length(row[place]) for row in (titles, *cells)))
        for place in range(len(titles))
    ]
    lines = [titles, ["-" * width for width in widths], *cells]
    return "\n".join(f"| {' | '.join(map(_padded, line, widths))} |" for line in lines)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - js_length(text))


def _cell(row: Any, place: int) -> str:
    value = row[place] if is_array(row) and place < len(row) else None
    return "" if value is None else js_text(value).replace("\n", "<br>")


def _read_markdown(text: Any) -> tuple[list[str], list[list[str]]] | None:
    """The cells of a table in Markdown; None if the string is not one."""
    if not isinstance(text, str) or "|" not in text:
        return None
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    for place, line in enumerate(lines[1:]):
        if _RULE.fullmatch(line):
            headers = _split(lines[place])
            return headers, [_split(row)[: len(headers)] for row in lines[place + 2 :]]
    return None


def _split(line: str) -> list[str]:
    inner = line.removeprefix("|").removesuffix("|")
    return [_BREAK.sub("\n", cell.strip()) for cell in inner.split("|")]


def _read_json(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _sliders(node: PackNode) -> None:
    """The sliders are kept as a property, and sent beside what the class takes."""
    saved = array_or_empty(node.properties.get("values"))
    if not saved:
        type_ = node.get("model_type")
        count = _SLIDERS.get(type_, 0) if isinstance(type_, str) else 0
        strong = _STRONG if type_ == "sdxl" else {}
        saved = [f"{place}:{strong.get(place, 0)}" for place in range(count)]
    node.set("values", ",".join(map(js_text, saved)))


def _chooser(node: PackNode) -> None:
    node.set("Waiting for selection...", "")


def _account(node: PackNode) -> None:
    node.set("account", "")


def _pose_editor(node: PackNode) -> None:
    node.set("editor", "")


PACK: Final = Pack(
    "ComfyUI-Easy-Use",
    "1.3.6",
    modules=("ComfyUI-Easy-Use",),
    classes={
        **dict.fromkeys(_SAVING, _file_name),
        **dict.fromkeys(("easy prompt", "easy wildcards", "easy wildcardsMatrix"), _picked_text),
        "easy humanSegmentation": _parts,
        "easy imageChooser": _chooser,
        "easy multiAngle": _angles,
        "easy poseEditor": _pose_editor,
        "easy promptAwait": _toolbar,
        "easy sliderControl": _sliders,
        "easy stableDiffusion3API": _account,
        "easy tableEditor": _table,
    },
    virtual={"easy bookmark": "note", "easy getNode": "get", "easy setNode": "set"},
)
