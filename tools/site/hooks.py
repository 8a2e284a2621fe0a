"""What mkdocs calls while it builds the site; `mkdocs.yml` names this file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "stubs")]

from tools.site import api, links, pages  # noqa: E402

BOOST = {"events.md": 3, "files.md": 3, "guide/editor-in.md": 3, "how-to/projects.md": 2, "models.md": 2}
"""Pages that answer what new users ask, and that other pages mention as often: the search puts them first."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make anchors as GitHub makes them, and put the doors of the package into the menu."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = links.slug
    section = _section(config.nav, "Python API")
    section += [{door: api.path(door)} for door in api.doors()]
    return config


def _section(items: Any, title: str) -> list[Any]:
    for item in items:
        for name, inside in item.items() if isinstance(item, dict) else ():
            if name == title:
                return inside
            if isinstance(inside, list) and (found := _section(inside, title)):
                return found
    return []


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made, and what pages link to in the repository."""
    linked, pictures = pages.linked_files()
    for path, text in {**pages.made(), **pages.drawn(), **linked}.items():
        files.append(File.generated(config, path, content=text))
    for picture in pictures:
        files.append(File.generated(config, links.site_path(picture), abs_src_path=str(ROOT / picture)))
    return files


def on_page_markdown(markdown: str, page: Page, **_rest: object) -> str:
    """Rewrite links that leave docs/."""
    if page.file.generated_by is not None:
        return markdown
    if page.file.src_uri == "index.md":
        page.meta["hide"] = ["navigation", "toc"]
    if page.file.src_uri in BOOST:
        page.meta["search"] = {"boost": BOOST[page.file.src_uri]}
    return links.for_site(f"docs/{page.file.src_uri}", markdown)
