"""The routes of a server as methods: each flow once, and a blocking and an awaitable method of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, TypeVar, cast

from typing_extensions import ParamSpec

from ..option import refuse_unknown
from .core import Core
from .flow import Flow

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .client import Client

P = ParamSpec("P")
T = TypeVar("T")


def blocking(flow: Callable[Concatenate[Core, P], Flow[T]]) -> Callable[Concatenate[Client, P], T]:
    """The flow as a method of `Client`."""

    def method(self: Client, *args: P.args, **kwargs: P.kwargs) -> T:
        if kwargs:
            _refuse_unknown("Client", method, kwargs)
        return self._driver.drive(flow(self._core, *args, **kwargs))

    return cast("Callable[Concatenate[Client, P], T]", _described(method, flow))


def awaiting(
    flow: Callable[Concatenate[Core, P], Flow[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """The flow as a method of `AsyncClient`."""

    async def method(self: AsyncClient, *args: P.args, **kwargs: P.kwargs) -> T:
        if kwargs:
            _refuse_unknown("AsyncClient", method, kwargs)
        return await self._driver.drive(flow(self._core, *args, **kwargs))

    return cast("Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]", _described(method, flow))


def _refuse_unknown(client: str, method: Callable[..., Any], keywords: Iterable[str]) -> None:
    """Raise for a keyword that a method does not take.

    Raises:
        TypeError: There is one.
    """
    import inspect

    refuse_unknown(f"{client}.{method.__name__}", keywords, inspect.signature(method).parameters)


def _described(method: Callable[..., Any], flow: Callable[..., Any]) -> Callable[..., Any]:
    """The method under the flow's name, with its documentation and its parameters."""
    import inspect

    functools.update_wrapper(method, flow, assigned=("__doc__", "__name__", "__qualname__"), updated=())
    signature = inspect.signature(flow)
    parameters = list(signature.parameters.values())
    own = parameters[0].replace(name="self", annotation=inspect.Parameter.empty)
    returned = str(signature.return_annotation)
    if returned.startswith("Flow["):
        returned = returned[len("Flow[") : -1]
    method.__signature__ = signature.replace(parameters=[own, *parameters[1:]], return_annotation=returned)  # type: ignore[attr-defined]
    del method.__wrapped__  # type: ignore[attr-defined]
    return method
