"""The site: its menu, its links, and what its pages are made of."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from comfyflow import bounds, cache_folder, client, configuration, errors
from comfyflow.cli.app import COMMANDS
from tools.site import api, commands, drawing, pages, rules_page
from tools.site.cures import CURES
from tools.site.links import anchors, links, prose, site_path

ROOT: Final = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    """All pages of the site, by their paths in its folder of pages."""
    linked, _ = pages.linked_files()
    by_hand = {site_path(page): (ROOT / page).read_text(encoding="utf-8") for page in pages.written()}
    return {**linked, **pages.made(), **by_hand}


def menu() -> dict[str, Any]:
    yaml: Any = pytest.importorskip("yaml", reason="it comes with pre-commit")
    settings: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    return settings


def listed(items: Any) -> Iterator[str]:
    for item in items:
        for inside in item.values() if isinstance(item, dict) else [item]:
            if isinstance(inside, str):
                yield inside
            else:
                yield from listed(inside)


def test_the_menu_has_every_page_once(site: dict[str, str]) -> None:
    named = list(listed(menu()["nav"]))
    assert sorted(named) == sorted(set(named))
    made_later = {api.path(door) for door in api.doors()}
    hidden = tuple(menu()["not_in_nav"].split())
    assert set(named) == {page for page in site if not page.startswith(hidden)} - made_later


def test_links_lead_to_pages_and_headings(site: dict[str, str]) -> None:
    wrong: list[str] = []
    for page, text in site.items():
        if page.startswith(("source/", "reference/api/")):
            continue
        here = next((name for name in pages.written() if site_path(name) == page), f"docs/{page}")
        for link in links(here, text):
            to = site_path(link.path) if link.path else page
            there = site.get(to)
            file = ROOT / (link.path or "README.md")
            if there is None and to not in pages.drawn() and not (file.is_file() and file.suffix != ".md"):
                wrong.append(f"{page}: {link.path}")
            elif there is not None and link.anchor and link.anchor not in anchors(there):
                wrong.append(f"{page}: {link.path}#{link.anchor}")
    assert wrong == []


def test_every_public_name_is_on_a_page(site: dict[str, str]) -> None:
    for door in api.doors():
        module = importlib.import_module(door)
        headings = re.findall(r"^(?:      heading: |### )(\w+)$", site[api.path(door)], re.MULTILINE)
        assert sorted(headings) == sorted(module.__all__)


def test_every_command_option_and_exit_code_is_on_a_page(site: dict[str, str]) -> None:
    page = site["reference/commands.md"]
    headings = set(re.findall(r"^## (.*)$", page, re.MULTILINE))
    assert set(COMMANDS) <= headings
    assert {"batch status", "batch retry"} <= headings
    told = commands.catalogue()
    for command in told["commands"]:
        for option in command["options"]:
            assert f"`{option['options'][0]}`" in page
    assert {f"| {each['code']} |" for each in told["exit_codes"]} <= set(
        re.findall(r"^\| \d+ \|", page, re.MULTILINE)
    )


def test_tables_of_pages_that_are_made_have_as_many_cells_in_each_row() -> None:
    for path, text in pages.made().items():
        for table in re.findall(r"(?:^\|.*\|\n)+", prose(text), re.MULTILINE):
            counts = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(counts) == 1, f"{path}: {table[:200]}"


def test_every_error_is_on_a_page(site: dict[str, str]) -> None:
    page = site["reference/errors.md"]
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == errors.__all__
    assert page.count("**Cure:**") == len(CURES)
    assert set(CURES) == set(errors.__all__) - {"ComfyflowError"}


def test_every_event_is_on_a_page(site: dict[str, str]) -> None:
    listed = re.findall(r"^### (.*)$", site["reference/events.md"], re.MULTILINE)
    unions = (*get_args(client.RunEvent), *get_args(client.ServerEvent))
    assert listed == [kind.__name__ for kind in unions]


def test_every_variable_is_on_the_page_of_the_configuration(site: dict[str, str]) -> None:
    variables = {f"COMFYFLOW_{name.upper()}" for name in configuration.CREDENTIALS}
    variables |= {
        value
        for module in (configuration, bounds, cache_folder)
        for value in vars(module).values()
        if isinstance(value, str) and re.fullmatch(r"COMFYFLOW_[A-Z_]+[A-Z]", value)
    }
    assert variables <= set(re.findall(r"`(COMFYFLOW_\w+)`", site["reference/configuration.md"]))


def test_every_numbered_rule_has_tests_on_a_page(site: dict[str, str]) -> None:
    rules = rules_page.rules()
    assert list(rules) == list(range(1, 23))
    assert all(len(rule) > 10 for rule in rules.values())
    page = site["explanation/rules-and-tests.md"]
    for number in rules:
        section = page.partition(f"## Rule {number}\n")[2].partition("\n## ")[0]
        assert f"`test_rule_{number}_" in section, number


def test_the_layers_are_drawn_from_the_top() -> None:
    picture = pages.drawn()["assets/layers.svg"]
    modules = [module for layer in drawing.layers() for module in layer]
    assert re.findall(r"<text [^>]*>(\w+)</text>", picture) == modules
    assert modules[0] == "cli"
    assert modules[-1] == "errors"


def test_every_bench_is_listed(site: dict[str, str]) -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", site["explanation/performance.md"], re.MULTILINE))
    names = {path.stem for path in (ROOT / "tools" / "bench").glob("[a-z]*.py")}
    assert names - {"pair", "convert_pair"} == listed


def test_pages_have_one_title(site: dict[str, str]) -> None:
    for page, text in site.items():
        assert len(re.findall(r"^# ", prose(text), re.MULTILINE)) == 1, page
