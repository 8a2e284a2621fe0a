"""How clients begin, and begin again in a process that was forked.

The child of a fork has a copy of each client, but none of its threads, and its connections are the parent's
too. Locks that another thread held at that moment stay locked in the child. So a `Client` leaves all of that
alone there, and opens its own connections under its own id when it is first used. Functions that were
registered for events stay the parent's; a transport that was given serves both. An `AsyncClient` belongs to
an event loop, which no child shares.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..errors import ClientError
from .connection import make_core

if TYPE_CHECKING:
    from ..client_options import ClientSettings
    from .base import BaseClient
    from .core import Core

_CLIENTS: Final[weakref.WeakSet[BaseClient]] = weakref.WeakSet()
_LEFT_ALONE: Final[list[Any]] = []
"""What the parent made, which the child may not even delete: that would end the parent's connections."""

PARTS: Final = frozenset({"_core", "_driver", "_callbacks", "_collected"})
"""The attributes of a client that belong to the process in which they were made."""


class _Beginning:
    """The lock under which a client begins again."""

    lock = threading.RLock()


def begin(
    client: BaseClient, driver: Any, url: str | None, settings: ClientSettings, transport: Any, connect: Any
) -> None:
    """Give a client its parts.

    Args:
        client: The client.
        driver: The class of its driver.
        url: See `Client`.
        settings: See `Client`.
        transport: See `Client`.
        connect: See `Client`.
    """
    _hold(client, make_core(url, driver.new_signal, settings), driver, settings, transport, connect)
    vars(client)["_beginning"] = (driver, settings, transport, connect)
    if not driver.awaits:
        _CLIENTS.add(client)


def _hold(client: BaseClient, core: Core, driver: Any, *options: Any) -> None:
    made = driver(core, *options)
    client._take(core)
    held = vars(client)
    held["_driver"] = made
    held["_collected"] = finalizer = weakref.finalize(client, made.abandon)
    finalizer.atexit = False


def begin_again(client: BaseClient) -> None:
    """Give a client its own parts, if a fork has taken them."""
    with _Beginning.lock:
        held = vars(client)
        if "_core" not in held:
            resolvers = held["_resolvers"]
            _hold(client, held["_former"].again(), *held["_beginning"])
            held["_resolvers"] = resolvers


def _refuse(*_: object, **__: object) -> NoReturn:
    raise ClientError(
        "this handle belongs to the process that this one was forked from; here, "
        "client.attach(handle.prompt_id) gives one of the same prompt"
    )


def _in_child() -> None:
    _Beginning.lock = threading.RLock()
    for client in list(_CLIENTS):
        held = vars(client)
        if not held.keys() >= PARTS or held["_core"].hub.stop.is_set():
            continue
        held["_collected"].detach()
        held["_former"] = held["_core"]
        held["_driver"].drive = _refuse  # for handles
        _LEFT_ALONE.append([held.pop(name) for name in PARTS])


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
