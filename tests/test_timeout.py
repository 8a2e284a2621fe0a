"""What something may take, and that nobody who is cancelled runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from comfyflow.timeout import within

LONG = 300.0


def run(act: Callable[[], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        return await act()

    return asyncio.run(main())


def test_a_result_in_time_is_given() -> None:
    async def act() -> int:
        await asyncio.sleep(0)
        return 5

    assert run(lambda: within(act(), LONG)) == 5


def test_an_error_is_raised() -> None:
    async def act() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(lambda: within(act(), LONG))


def test_what_takes_too_long_is_cancelled_and_has_ended() -> None:
    ended: list[str] = []

    async def act() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            await asyncio.sleep(0)
            ended.append("ended")

    with pytest.raises(asyncio.TimeoutError):
        run(lambda: within(act(), 0.01))
    assert ended == ["ended"]


def test_what_ends_well_when_it_is_cancelled_was_in_time() -> None:
    async def act() -> int:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            return 5
        return 6

    assert run(lambda: within(act(), 0.01)) == 5


@pytest.mark.parametrize("result_first", [True, False])
def test_who_is_cancelled_as_the_result_comes_is_cancelled(result_first: bool) -> None:
    """`asyncio.wait_for` before Python 3.12 returns the result, and its caller runs on."""

    async def main() -> None:
        coming = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(within(coming, LONG))
        await asyncio.sleep(0)
        acts: list[Callable[[], object]] = [lambda: coming.set_result(5), waiting.cancel]
        for act in acts if result_first else reversed(acts):
            act()
            if not result_first and coming.cancelled():
                break
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())


def test_who_is_cancelled_ends_what_was_waited_for() -> None:
    ended: list[str] = []

    async def act() -> None:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise ValueError("an end that nobody wants") from None

    async def main() -> None:
        waiting = asyncio.create_task(within(act(), LONG))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert ended == ["cancelled"]


def test_what_is_cancelled_by_others_is_cancelled() -> None:
    async def main() -> None:
        coming = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(within(coming, LONG))
        await asyncio.sleep(0)
        coming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())


def test_a_scope_of_anyio_that_cancels_again_and_again_is_left() -> None:
    """A service's request that its client has left; and what has ended meanwhile."""

    async def act() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            await asyncio.sleep(0)

    async def main() -> None:
        for waited in (act(), asyncio.Event().wait()):
            with anyio.move_on_after(0.01) as scope:
                await within(waited, LONG)
            assert scope.cancelled_caught

    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize("seconds", [0.01, LONG])
def test_who_is_cancelled_again_waits_for_the_end_too(seconds: float) -> None:
    """After the time is up, or after a first cancellation; each is passed on."""
    seen: list[str] = []

    async def act() -> None:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            seen.append("first")
        try:
            await asyncio.sleep(LONG)
        finally:
            seen.append("second")

    async def main() -> None:
        waiting = asyncio.create_task(within(act(), seconds))
        await asyncio.sleep(0)
        if seconds == LONG:
            await asyncio.sleep(0)
            waiting.cancel()
        while seen != ["first"]:  # noqa: ASYNC110  # in the very turn
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert seen == ["first", "second"]

    asyncio.run(main())
