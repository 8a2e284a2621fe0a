"""Facts that hold since a release."""

from __future__ import annotations

import pytest

from comfyflow.schema import Version
from comfyflow.versions import Since, release


class Rules:
    kept = Since("never", ("1.40", "sometimes"), ("1.46.2", "always"))

    def __init__(self, version: str) -> None:
        self.version = release(version)


@pytest.mark.parametrize(
    ("version", "held"),
    [
        ("1.2", "never"),
        ("1.39.19", "never"),
        ("1.40", "sometimes"),
        ("1.46.1", "sometimes"),
        ("1.46.2", "always"),
        ("2", "always"),
    ],
)
def test_a_fact_holds_since_its_release(version: str, held: str) -> None:
    rules = Rules(version)
    assert rules.kept == held
    assert rules.kept == held  # also when it is remembered
    assert Rules.kept.at(release(version)) == held


def test_the_class_tells_when_a_fact_changed() -> None:
    assert Rules.kept.first == "never"
    assert Rules.kept.changes == ((Version(1, 40), "sometimes"), (Version(1, 46, 2), "always"))


def test_what_is_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match="'newest' is not a version"):
        release("newest")
