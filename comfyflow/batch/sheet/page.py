"""The page of a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ...picture.picture import template_environment
from .content import script_json

_FOLDER: Final = Path(__file__).parent / "templates"


def sheet_page(document: dict[str, Any], *, live: bool = False) -> str:
    """The page.

    Its policy allows its own script and style sheet, by their hashes, and pictures, video and sound from its
    own origin.

    Args:
        document: Its content.
        live: Whether it polls its server for changes.
    """
    return (
        template_environment(_FOLDER)
        .get_template("sheet.html.jinja")
        .render(
            title=document["title"],
            data=script_json(document),
            live=live,
            style=(_FOLDER / "sheet.css").read_text(encoding="utf-8"),
            script=(_FOLDER / "sheet.js").read_text(encoding="utf-8"),
        )
    )
