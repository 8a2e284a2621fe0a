"""All pages of the site that are made and not written, so that none of them can be stale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from . import api, commands, drawing, errors_page, events_page, formats_page, rules_page
from .links import DOCS, PICTURES, ROOT, for_site, links, listing, site_path

PROJECT: Final = ("ARCHITECTURE.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md")
"""Pages of the repository that are on the site too."""


@cache
def made() -> Mapping[str, str]:
    """The pages that are made from the code, by their paths in the site's folder of pages."""
    return {
        "reference/commands.md": commands.page(),
        "explanation/rules-and-tests.md": found_late(rules_page.page()),
        **rules_page.listings(),
        "reference/errors.md": errors_page.page(),
        "reference/formats.md": formats_page.page(),
        "reference/events.md": found_late(events_page.page()),
        **{path: found_late(text) for path, text in api.pages().items()},
    }


def found_late(text: str) -> str:
    """A page that the search ranks below pages that explain."""
    return f"---\nsearch:\n  boost: 0.2\n---\n\n{text}"


def drawn() -> dict[str, str]:
    """The drawings that are made from the code, by their paths in the site's folder of pages."""
    return {"assets/layers.svg": drawing.drawing()}


def written() -> Iterator[str]:
    """The pages that are written by hand, from the root of the repository."""
    yield from PROJECT
    for path in sorted(DOCS.rglob("*.md")):
        yield path.relative_to(ROOT).as_posix()


def linked_files() -> tuple[dict[str, str], list[str]]:
    """What pages link to outside of docs/: further pages by their paths on the site, and pictures."""
    pages: dict[str, str] = {}
    pictures: set[str] = set()
    waiting = list(written())
    seen = set(waiting)
    while waiting:
        page = waiting.pop()
        text = (ROOT / page).read_text(encoding="utf-8")
        if not page.startswith("docs/"):
            pages[site_path(page)] = found_late(for_site(page, text))
        for link in links(page, text):
            path = link.path
            if not path or path in seen or path.startswith("docs/") or not (ROOT / path).is_file():
                continue
            seen.add(path)
            if (ROOT / path).suffix == ".md":
                waiting.append(path)
            elif (ROOT / path).suffix in PICTURES:
                pictures.add(path)
            else:
                pages[site_path(path)] = listing(path)
    return pages, sorted(pictures)
