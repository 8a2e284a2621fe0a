"""The page of a service: one file, which makes requests only to the service itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

_FOLDER: Final = Path(__file__).parent / "templates"
_SCRIPTS: Final = ("service.js", "form.js", "job.js", "page.js")


class Page(NamedTuple):
    """A page.

    Attributes:
        text: Its HTML.
        policy: Its ``Content-Security-Policy``: the one script and the one style sheet that are in it, by
            their hashes, and requests, pictures, video and sound of the service.
    """

    text: str
    policy: str


@cache
def service_page() -> Page:
    """The page. Nothing of a workflow is in it: it asks the API, as any client does."""
    from ..picture.picture import template_environment

    environment = template_environment(_FOLDER)
    style = _read("page.css")
    script = '"use strict";\n(() => {\n' + "\n".join(map(_read, _SCRIPTS)) + "})();\n"
    digest: Callable[[str], str] = environment.filters["sha256"]  # pyright: ignore[reportUnknownMemberType, reportAssignmentType]
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{digest(script)}'",
            f"style-src '{digest(style)}'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )
    text = environment.get_template("page.html.jinja").render(style=style, script=script)
    return Page(text, policy)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
