"""The blocking client is what the tool makes of the one for asyncio."""

from __future__ import annotations

import pytest

from tools.blocking_twin import blocking, stale


def test_the_twins_are_what_would_be_written() -> None:
    assert stale() == [], "run python -m tools.blocking_twin"


MARKED = """a = 1
# only awaited
@overload
@other(
    1
)
def f() -> int:
    return 1
b = 2
"""
"""A function that the blocking side has not."""


@pytest.mark.parametrize(
    ("awaited", "wanted"),
    [
        ("async def f() -> int:\n    return await g()\n", "def f() -> int:\n    return g()\n"),
        ("async with a as b, c:\n    pass\n", "with a as b, c:\n    pass\n"),
        ("x = [y async for y in AsyncClient()]\n", "x = [y for y in Client()]\n"),
        ("x = 'AsyncClient.run'  # await it\n", "x = 'Client.run'  # await it\n"),
        ('"""`await AsyncHandle.wait()`, asynchronously."""\n', '"""`Handle.wait()`, asynchronously."""\n'),
        ("asyncio = my_await(AsyncClients)\n", "asyncio = my_await(AsyncClients)\n"),
        (MARKED, "a = 1\nb = 2\n"),
    ],
)
def test_what_becomes_of_a_source(awaited: str, wanted: str) -> None:
    assert blocking(awaited) == wanted


def test_a_mark_without_a_statement() -> None:
    with pytest.raises(SystemExit, match="line 2 stands before no function"):
        blocking("a = 1\n# only awaited\nb = 2\n")
