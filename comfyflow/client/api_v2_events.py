"""The stream of events of one job of the Comfy API v2 (server-sent events).

It supplements polling the job: a wait still polls, only less often. A missed event is not repeated, but each
event carries the whole state at that moment.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from ..bounds import exceeded
from ..errors import BoundsError, ClientError
from ..json_types import is_number, is_object, text_or_empty
from . import event as server
from .api_v2_assets import v2_request
from .api_v2_job import queue_position
from .core import Core, ask, retry_after
from .flow import Answer, Flow, Watch, segment
from .run import Run

_NONE: Final = frozenset({404, 405, 501})
"""Answers of a server that has no streams."""


class EventStream:
    """Takes the stream as it arrives, and feeds the run.

    Args:
        core: The client.
        run: The prompt.
    """

    def __init__(self, core: Core, run: Run) -> None:
        self._run = run
        self._bounds = core.bounds
        self._most: int = core.bounds.message
        self._rest = b""
        self._kind = ""
        self._data: list[bytes] = []
        self._size = 0
        self._node = ""

    def start(self, answer: Answer) -> bool:
        """Take the body only if it is an event stream."""
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._run.streamed = answer.status == 200 and kind == "text/event-stream"
        return self._run.streamed

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            BoundsError: One event is larger than a message may be.
        """
        lines = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._line(line.rstrip(b"\r"))
        if self._size + len(self._rest) > self._most:
            raise BoundsError(exceeded("message", self._bounds, "an event"))

    def _line(self, line: bytes) -> None:
        if not line:
            kind, data = self._kind, b"\n".join(self._data)
            self._kind, self._data, self._size = "", [], 0
            self._event(kind, data)
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._kind = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
            self._size += len(value)

    def _event(self, kind: str, data: bytes) -> None:
        """Feed an event to the run. An unreadable event is ignored: the job is polled."""
        reader = _READERS.get(kind)
        if reader is None:
            return
        try:
            said: object = json.loads(data)
        except (ValueError, RecursionError):
            return
        if is_object(said):
            reader(self, said)

    def _status(self, said: Mapping[str, Any]) -> None:
        run, status = self._run, text_or_empty(said.get("status"))
        if status == "queued":
            run.queued(queue_position(said), False)
        elif status in ("running", "canceling"):
            run.queued(0, True)
        elif status in ("succeeded", "failed", "canceled"):
            run.recorded = True
            run.poke()
        else:
            run.unsure = True
            run.poke()

    def _progress(self, said: Mapping[str, Any]) -> None:
        run, node = self._run, text_or_empty(said.get("current_node"))
        if node and node != self._node:
            self._node = node
            run.feed(server.Executing(run.prompt_id, node, node))
        step, steps = said.get("step"), said.get("steps")
        if self._node and is_number(step) and is_number(steps) and steps > 1:
            run.feed(server.Progress(run.prompt_id, self._node, float(step), float(steps)))

    def _preview(self, said: Mapping[str, Any]) -> None:
        """A preview is never an output here, whichever node sends it: servers omit some."""
        try:
            image = base64.b64decode(text_or_empty(said.get("data_base64")), validate=True)
        except (binascii.Error, ValueError):
            return
        kind = text_or_empty(said.get("content_type")).lower().removeprefix("image/")
        if image:
            self._run.preview(text_or_empty(said.get("node_id")) or self._node, image, kind)


_READERS: Final = {
    "status": EventStream._status,
    "progress": EventStream._progress,
    "preview": EventStream._preview,
}
"""Outputs are read from the job: there each node's outputs come together."""


def follow_job(core: Core, run: Run) -> Flow[None]:
    """Feed a run from its job's stream, reopened for as long as the run lasts.

    Args:
        core: The client.
        run: The prompt.
    """
    attempt = 0
    while not (run.ended or core.hub.stop.is_set()):
        path = f"/api/v2/jobs/{segment(run.prompt_id)}/events"
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        pause = core.jitter(attempt)
        try:
            request = v2_request(core, "GET", path, headers=headers, live=True)
            answer = yield from ask(core, request, EventStream(core, run))
        except ClientError:
            attempt += 1
        else:
            if answer.status in _NONE:
                return
            attempt = attempt + 1 if answer.status != 200 else 1
            pause = max(pause, retry_after(answer))
        finally:
            run.streamed = False
        if not run.ended:
            run.unsure = True
            run.poke()
            yield Watch(core.hub.stop, pause)
