"""Drawings as SVG and as a page: the one place where texts from untrusted files become markup.

The templates escape everything but the files beside this one, and the picture that a template made.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .drawing import Drawing
from .text import shortened
from .theme import Theme, page_style, style

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER: Final = Path(__file__).parent / "templates"


_FITTING: Final = ".cf-graph { max-width:100%;height:auto }"
"""A wide picture becomes as narrow as the window or the cell of a notebook that shows it."""


def svg_text(drawing: Drawing, theme: Theme = "auto") -> str:
    """A drawing as SVG. There is no script in it and nothing that it asks for."""
    return _render("picture.svg.jinja", drawing=drawing, style=f"{_FITTING}\n{style(theme)}")


def page_text(drawing: Drawing) -> str:
    """A drawing as a page that is one file: it pans, zooms, searches and highlights.

    Its policy allows the one script and the one style sheet that are in it, by their hashes, and no
    request.
    """
    return _render(
        "page.html.jinja",
        drawing=drawing,
        svg=_render("picture.svg.jinja", drawing=drawing, style=""),
        style=f"{(_FOLDER / 'page.css').read_text(encoding='utf-8')}\n{page_style()}",
        script=(_FOLDER / "page.js").read_text(encoding="utf-8"),
    )


def _render(name: str, **values: object) -> str:
    return template_environment(_FOLDER).get_template(name).render(values)


@cache
def template_environment(folder: Path) -> Environment:
    """The templates of a folder: what they are given is escaped; ``sha256`` makes a hash for a policy."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Any] = made.filters
    filters.update(pixels=_pixels, fitting=_fitting, bar=_bar, sha256=_sha256)
    return made


def _pixels(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _fitting(title: str, width: float) -> str:
    """The title of a group, in larger letters."""
    return shortened(title, (width - 20) * 0.65)


def _bar(box: tuple[float, float, float, float]) -> str:
    """The title bar, round where the node is."""
    left, top, width, _ = box
    return (
        f"M{_pixels(left)} {_pixels(top + 30)}v-22a8 8 0 0 1 8 -8h{_pixels(max(width - 16, 0))}"
        f"a8 8 0 0 1 8 8v22z"
    )


def _sha256(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
