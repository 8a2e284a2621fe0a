"""The drawing of the package's layers, from the contract that the imports are checked against."""

from __future__ import annotations

import sys
from html import escape
from importlib import import_module
from typing import Any, Final

from .links import ROOT

WIDTH: Final = 880
LEFT: Final = 40
BOX: Final = 30
GAP: Final = 14
LETTER: Final = 8.2


def layers() -> list[list[str]]:
    """The layers from the top, each with its modules: each may import those below it."""
    tomllib: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = (each for each in contracts if each["type"] == "layers")
    return [
        [name.strip(" ()").removeprefix("comfyflow.") for name in layer.split(" : ")]
        for layer in contract["layers"]
    ]


def _row(modules: list[str], y: int, name: str) -> list[str]:
    x = LEFT + 0.0
    parts: list[str] = []
    for module in modules:
        width = len(module) * LETTER + 20
        parts.append(f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{BOX}" rx="5" class="{name}"/>')
        middle = x + width / 2
        parts.append(f'<text x="{middle:.0f}" y="{y + 20}" text-anchor="middle">{escape(module)}</text>')
        x += width + GAP
    return parts


def drawing() -> str:
    """The drawing, as SVG."""
    found = layers()
    height = len(found) * (BOX + GAP) + GAP
    size = f'viewBox="0 0 {WIDTH} {height}"'
    font = 'font-family="ui-monospace, monospace" font-size="13"'
    boxes = ".package{fill:#d5efec;stroke:#00796b}.module{fill:#f4f4f4;stroke:#888}"
    tip = f"M12 {height - GAP - 8} L18 {height - GAP} L24 {height - GAP - 8}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {font}>',
        "<title>The layers of comfyflow: each imports only from those below it</title>",
        f"<style>{boxes}text{{fill:#111}}line,path{{stroke:#888;fill:none}}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<line x1="18" y1="{GAP}" x2="18" y2="{height - GAP}" stroke-width="2"/>',
        f'<path d="{tip}"/>',
    ]
    for number, modules in enumerate(found):
        y = GAP + number * (BOX + GAP)
        folders = [(ROOT / "comfyflow" / module).is_dir() for module in modules]
        parts += _row(modules, y, "package" if any(folders) else "module")
    return "\n".join([*parts, "</svg>"]) + "\n"
