"""The events of a job as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi.sse import format_sse_event

from ..errors import ComfyflowError
from .channel import ENDED, JobEvent
from .job_ledger import KnownJob
from .service import Service

PULSE: Final = 15.0
"""Seconds between comments while nothing happens, which keep the connection alive."""


async def event_stream(service: Service, known: KnownJob, last: str) -> AsyncIterator[bytes]:
    """Stream the events of a job until it has ended.

    Args:
        service: The job's service.
        known: The job, as of the request.
        last: The last event that the client has received, or empty.
    """
    channel = service.channels.of(known.job.row)
    listener = channel.listen()
    try:
        yield format_sse_event(comment="comfyflow", retry=2000)
        missed = channel.since(last)
        state = _state(service, known)
        if missed is None or state["state"] in ENDED:
            missed = [JobEvent("state", json.dumps(state), channel.newest)]
            if channel.preview is not None:
                preview = {"node": None, "image": channel.preview}
                missed.append(JobEvent("preview", json.dumps(preview)))
        for event in missed:
            yield _told(service, known, event)
        channel.ended = channel.ended or state["state"] in ENDED
        while not channel.ended:
            heard = await listener.next(PULSE)
            if heard is not None:
                yield _told(service, known, heard)
                continue
            yield format_sse_event(comment="still here")
            found = _state(service, known)
            if found["state"] != state["state"]:  # other processes that write to the ledger send no events
                state = found
                yield _event(JobEvent("state", json.dumps(found), channel.newest))
                channel.ended = found["state"] in ENDED
        while (rest := await listener.next(0)) is not None:
            yield _told(service, known, rest)
    except ComfyflowError:
        return  # the client reconnects and asks again
    finally:
        listener.close()


def _told(service: Service, known: KnownJob, event: JobEvent) -> bytes:
    if event.data is not None:
        return _event(event)
    return _event(JobEvent(event.name, json.dumps(_state(service, known)), event.id))


def _state(service: Service, known: KnownJob) -> dict[str, Any]:
    found = service.read(lambda ledger: ledger.job_of_row(known.job.row))
    return service.told(found or known)


def _event(event: JobEvent) -> bytes:
    return format_sse_event(data_str=event.data, event=event.name, id=event.id or None)
