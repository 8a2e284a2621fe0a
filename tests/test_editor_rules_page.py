"""The page of rules lists every fact of every release."""

from __future__ import annotations

import re
from pathlib import Path

from comfyflow.importer.editor_rules import NEWEST, OLDEST, EditorRules
from comfyflow.versions import Since

PAGE = (Path(__file__).parents[1] / "docs" / "editor-rules.md").read_text("utf-8")


def test_every_fact_is_listed_with_the_releases_that_changed_it() -> None:
    listed = {
        name: [since.strip() for since in releases.split(",")]
        for name, releases in re.findall(r"^\| `(\w+)` \| ([\d., ]+) \|$", PAGE, re.MULTILINE)
    }
    facts = {
        name: [f"{since.major}.{since.minor}" for since, _ in fact.changes]
        for name, fact in vars(EditorRules).items()
        if isinstance(fact, Since)
    }
    assert listed == facts


def test_the_page_names_the_releases_that_are_known() -> None:
    assert f"A release before 1.{OLDEST.minor} or after 1.{NEWEST.minor} is not known" in " ".join(
        PAGE.split()
    )
