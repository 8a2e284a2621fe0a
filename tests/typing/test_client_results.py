"""mypy and pyright see results and resolvers as they are, and the mistakes as mistakes.

Every wrong line of the file is ignored there; an ignored line that is right is reported.
"""

from __future__ import annotations

from tests.typing.snippets import RESULTS, mypy, pyright
from tests.typing.test_snippets import checked


def test_mypy() -> None:
    assert mypy()[RESULTS].errors == {}


def test_pyright() -> None:
    said = checked(pyright)
    assert said[RESULTS].errors == {}
