"""Right programs pass in mypy and pyright, wrong ones fail on the very lines that are wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.typing.snippets import SNIPPETS, Said, marked, mypy, pyright


def checked(check: Callable[[], Mapping[str, Said] | None]) -> Mapping[str, Said]:
    """What a type checker says, where there is one."""
    said = check()
    if said is None:
        pytest.skip("pyright is not installed, or it has no Node.js")
    return said


@pytest.fixture(params=[mypy, pyright], ids=["mypy", "pyright"])
def checker(request: pytest.FixtureRequest) -> Mapping[str, Said]:
    return checked(request.param)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_errors_are_reported_where_they_are_and_nowhere_else(
    snippet: str, checker: Mapping[str, Said]
) -> None:
    wrong = marked(snippet, "error")
    found = checker[snippet].errors
    assert bool(wrong) == snippet.startswith("bad_")
    unexpected = {line: message for line, message in found.items() if line not in wrong}
    missed = {line: about for line, about in wrong.items() if line not in found}
    assert not unexpected, unexpected
    assert not missed, missed


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_types_are_revealed_as_a_reader_expects(snippet: str, checker: Mapping[str, Said]) -> None:
    assert checker[snippet].reveals == marked(snippet, "reveals")
