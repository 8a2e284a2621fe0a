"""Keeping one WebSocket open: the greeting, and opening it again when it breaks."""

from __future__ import annotations

from ..bounds import exceeded, marks
from .core import Core
from .flow import CloseSocket, OpenSocket, Receive, SocketFailure, SocketFlow, Transmit, Watch
from .message import FEATURE_FLAGS, parse_message


def socket_flow(core: Core) -> SocketFlow:
    """Open the socket, hand on what it says, and open it again when it breaks; until the end.

    The old socket is closed before a new one is opened: a real server (0.3.64, 0.27.0) that is
    told goodbye by the first of two sockets with one id makes the other silent. It counts as
    open when the server has greeted us: from then on it knows where to send.
    """
    hub, attempt = core.hub, 0
    while not hub.stop.is_set():
        try:
            yield OpenSocket()
            yield Transmit(FEATURE_FLAGS)
            while True:
                # A greeting may be slow, or never come from what stands between: another try may help.
                patience = None if hub.connected else core.limits.socket / 2 * (attempt + 1)
                message: str | bytes = yield Receive(patience)
                if isinstance(message, str) and marks(message) > core.bounds.text_values:
                    raise SocketFailure(exceeded("text_values", core.bounds, "a message"))
                if not hub.connected:
                    hub.opened()
                    attempt = 0
                hub.dispatch(parse_message(message))
        except SocketFailure as failure:
            hub.broken(core.credentials.hide(str(failure)))
        yield CloseSocket()
        if not hub.stop.is_set():
            yield Watch(hub.stop, core.jitter(attempt))
            attempt += 1
