"""Functions that are called with what comes over the socket."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .event import BaseServerEvent, ServerEvent
from .flow import Signal
from .hub import Listener
from .message import EVENT_CLASSES


@dataclass(eq=False)
class Subscription:
    """A function and what it is called for.

    Attributes:
        kind: A class of events, or the type of a message.
        function: Is given the event.
        once: Whether the first event is the last.
        active: Whether it is still to be called.
    """

    kind: type[BaseServerEvent] | str
    function: Callable[[Any], object]
    once: bool
    active: bool = True

    def wants(self, event: ServerEvent) -> bool:
        """Whether the function is to be called for an event."""
        kind = EVENT_CLASSES.get(self.kind, self.kind) if isinstance(self.kind, str) else self.kind
        if isinstance(kind, str):
            return getattr(event, "type", None) == kind
        return isinstance(event, kind)


@dataclass(frozen=True)
class Call:
    """A function that is to be called with an event."""

    subscription: Subscription
    event: ServerEvent


class Callbacks:
    """The functions of one client, and the calls that are due, in the order of the events.

    Args:
        signal: Set when there is something to call.
    """

    def __init__(self, signal: Signal) -> None:
        self.due: Listener[Call] = Listener(signal)
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()

    def add(self, subscription: Subscription) -> Callable[[], None]:
        """Have a function called from now on; gives what ends that."""
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)

        def remove() -> None:
            subscription.active = False
            self._drop(subscription)

        return remove

    @property
    def kinds(self) -> tuple[type[BaseServerEvent] | str, ...]:
        """What functions are called for, each once, in the order in which they were added."""
        return tuple(dict.fromkeys(subscription.kind for subscription in self._subscriptions))

    def put(self, event: ServerEvent) -> None:
        """An event has come: whoever wants it is to be called."""
        for subscription in self._subscriptions:
            if subscription.wants(event):
                if subscription.once:
                    self._drop(subscription)
                self.due.put(Call(subscription, event))

    def close(self) -> None:
        """Nothing more will come."""
        self.due.close()

    def _drop(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(known for known in self._subscriptions if known is not subscription)
