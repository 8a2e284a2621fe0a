"""Links of the pages in docs/, on the site.

On GitHub a page may link to any file of the repository. The site has only pages, so the target of a
link like that becomes a page or a picture of the site: Markdown as it is, other text as a listing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PICTURES: Final = frozenset({".svg", ".png", ".jpg", ".gif", ".webp"})
LANGUAGES: Final = {".py": "python", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}

_LINK: Final = re.compile(r"(?P<before>!?\[[^\]]*\]\()(?P<link>[^)\s]+)(?P<after>\))")
_BLOCK: Final = re.compile(r"^(?P<fence>```+).*?^(?P=fence)$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Link:
    """A relative link.

    Attributes:
        path: The file that it leads to, from the root of the repository; "" for the page itself.
        anchor: What follows ``#``.
    """

    path: str
    anchor: str


def prose(text: str) -> str:
    """A page without its fenced blocks; lines keep their numbers."""
    return _BLOCK.sub(lambda found: "\n" * found[0].count("\n"), text)


def slug(heading: str, separator: str = "-") -> str:
    """The anchor of a heading, as GitHub makes it, so that one link works in both places."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", separator)


def anchors(text: str) -> set[str]:
    """The anchors of a page."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.*?)(?: +\{.*\})?$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor, number = slug(plain), 0
        while anchor in found:
            number += 1
            anchor = f"{slug(plain)}-{number}"
        found.add(anchor)
    return found | set(re.findall(r'(?:\{ ?#|<a id="|<a name=")([\w-]+)', text))


def links(page: str, text: str) -> Iterator[Link]:
    """The relative links of a page.

    Args:
        page: The page, from the root of the repository: ``docs/events.md``.
        text: What is in it.
    """
    for found in _LINK.finditer(prose(text)):
        if (link := relative(page, found["link"])) is not None:
            yield link


def relative(page: str, link: str) -> Link | None:
    """A link of a page, or None for an address."""
    if re.match(r"[a-z]+:", link):
        return None
    path, _, anchor = link.partition("#")
    full = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else ""
    return Link(full, anchor)


def site_path(path: str) -> str:
    """Where a file of the repository is in the site's folder of pages."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    suffix = posixpath.splitext(path)[1]
    if suffix in PICTURES:
        return f"assets/{path}"
    if suffix == ".md":
        return f"project/{path}"
    shown = re.sub(r"(^|/)\.", r"\1dot-", path)  # mkdocs leaves hidden files out
    return f"source/{shown}.md"


def for_site(page: str, text: str) -> str:
    """A page with the links that leave docs/ turned to where the site has their files.

    Args:
        page: The page, from the root of the repository.
        text: What is in it.
    """
    here = posixpath.dirname(site_path(page))

    def turned(found: re.Match[str]) -> str:
        link = relative(page, found["link"])
        if link is None or not link.path:
            return found[0]
        to = posixpath.relpath(site_path(link.path), here or ".")
        return f"{found['before']}{to}{f'#{link.anchor}' if link.anchor else ''}{found['after']}"

    pieces: list[str] = []
    end = 0
    for block in _BLOCK.finditer(text):
        pieces += [_LINK.sub(turned, text[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*pieces, _LINK.sub(turned, text[end:])])


def listing(path: str) -> str:
    """The page that shows a text file of the repository."""
    text = (ROOT / path).read_text(encoding="utf-8")
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text) or [""]))
    language = LANGUAGES.get(posixpath.splitext(path)[1], "text")
    return f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"
