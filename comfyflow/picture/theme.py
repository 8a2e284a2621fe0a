"""Colours of pictures: what the editor gives to types, on a light and on a dark ground."""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Theme: TypeAlias = Literal["auto", "light", "dark"]
"""Which ground a picture has; ``auto`` is what the reader's system prefers."""

_TYPES: Final[Mapping[str, str]] = {
    "AUDIO": "#4db6ac",
    "BOOLEAN": "#8dc891",
    "CLIP": "#e0b000",
    "CLIP_VISION": "#a8dadc",
    "CLIP_VISION_OUTPUT": "#ad7452",
    "COMBO": "#9aa5b1",
    "CONDITIONING": "#ffa931",
    "CONTROL_NET": "#6ee7b7",
    "FLOAT": "#7fb2e5",
    "GUIDER": "#66bfbf",
    "IMAGE": "#64b5f6",
    "INT": "#5aa9a2",
    "LATENT": "#ff9cf9",
    "MASK": "#81c784",
    "MODEL": "#b39ddb",
    "NOISE": "#b0b0b0",
    "SAMPLER": "#d8a2a2",
    "SIGMAS": "#a3c98b",
    "STRING": "#a0b86c",
    "STYLE_MODEL": "#b8d48a",
    "VAE": "#ff6e6e",
    "VIDEO": "#7986cb",
}
_ANY: Final = "#9e9e9e"

_DARK: Final = {
    "ground": "#202020",
    "node": "#353535",
    "bar": "#2b2b2b",
    "edge": "#161616",
    "text": "#dddddd",
    "faint": "#a4a4a4",
    "field": "#222222",
    "note": "#4a4326",
    "error": "#ff6b6b",
    "warning": "#ffb84d",
    "chosen": "#ffffff",
}
_LIGHT: Final = {
    "ground": "#f4f4f6",
    "node": "#ffffff",
    "bar": "#e7e8ec",
    "edge": "#b6bac3",
    "text": "#22252b",
    "faint": "#656a74",
    "field": "#f0f1f4",
    "note": "#fdf3c9",
    "error": "#d32029",
    "warning": "#b86e00",
    "chosen": "#000000",
}


def type_colour(name: str) -> str:
    """The colour of a type. One that the editor has no colour for always gets the same.

    Args:
        name: The type, as a server writes it; of a union the first counts.
    """
    first = name.split(",", 1)[0].strip()
    if first in _TYPES:
        return _TYPES[first]
    if first in ("", "*"):
        return _ANY
    hue = zlib.crc32(first.encode("utf-8", "backslashreplace")) % 360 / 360
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, 0.66, 0.42))
    return f"#{red:02x}{green:02x}{blue:02x}"


def style(theme: Theme) -> str:
    """The style sheet of a picture."""
    if theme == "auto":
        return f"{_rules(_LIGHT)}\n@media (prefers-color-scheme: dark) {{\n{_rules(_DARK)}\n}}"
    return _rules(_DARK if theme == "dark" else _LIGHT)


def page_style() -> str:
    """The style sheet of the picture on a page, where the reader can choose."""
    chosen = [
        f"{_rules(colours, where)}\n{where}{_page_rule(colours)}"
        for where, colours in (('[data-theme="dark"] ', _DARK), ('[data-theme="light"] ', _LIGHT))
    ]
    dark = f"@media (prefers-color-scheme: dark) {{ {_page_rule(_DARK)} }}"
    return "\n".join([style("auto"), _page_rule(_LIGHT), dark, *chosen])


def _page_rule(colours: Mapping[str, str]) -> str:
    return f"body {{ background: {colours['ground']}; color: {colours['text']} }}"


def _rules(colours: Mapping[str, str], where: str = "") -> str:
    rules = {
        ".cf-ground": f"fill:{colours['ground']}",
        ".cf-body": f"fill:{colours['node']};stroke:{colours['edge']};stroke-width:1",
        ".cf-bar": f"fill:{colours['bar']}",
        ".cf-title": f"fill:{colours['text']};font-weight:bold",
        ".cf-heading": f"fill:{colours['text']};font-size:20px;font-weight:bold",
        ".cf-text": f"fill:{colours['text']}",
        ".cf-label": f"fill:{colours['faint']}",
        ".cf-field": f"fill:{colours['field']};stroke:{colours['edge']};stroke-width:1",
        ".cf-note": f"fill:{colours['note']};stroke:{colours['edge']};stroke-width:1",
        ".cf-frame": f"fill:none;stroke:{colours['edge']};stroke-width:1",
        ".cf-group": "fill:#3f789e;fill-opacity:0.18;stroke:#3f789e;stroke-opacity:0.6",
        ".cf-group-title": f"fill:{colours['text']};font-size:20px",
        ".cf-link": "fill:none;stroke-width:2.5;stroke-opacity:0.9",
        ".cf-error": f"stroke:{colours['error']};stroke-width:3;fill:none",
        ".cf-warning": f"stroke:{colours['warning']};stroke-width:3;fill:none",
        ".cf-error-text": f"fill:{colours['error']};font-size:12px",
        ".cf-warning-text": f"fill:{colours['warning']};font-size:12px",
        ".cf-chosen .cf-body": f"stroke:{colours['chosen']};stroke-width:3",
        ".cf-added .cf-body": "stroke:#2e9e4f;stroke-width:4",
        ".cf-removed .cf-body": "stroke:#d32029;stroke-width:4;stroke-dasharray:8 5",
        ".cf-changed .cf-body": "stroke:#e0a000;stroke-width:4",
    }
    return "\n".join(f"{where}{selector} {{ {rule} }}" for selector, rule in rules.items())
