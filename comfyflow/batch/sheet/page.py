"""The page of a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ...picture.picture import template_environment
from .content import script_json

_FOLDER: Final = Path(__file__).parent / "templates"


def sheet_page(document: dict[str, Any], *, live: bool = False) -> str:
    """The page.

    Its policy allows the one script and the one style sheet that are in it, by their hashes, and pictures,
    video and sound of the place where it is itself.

    Args:
        document: What is on it.
        live: Whether it asks the server that it came from for what is new.
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
