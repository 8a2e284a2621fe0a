"""Answers cached between runs, for as long as the server confirms that they are valid.

ComfyUI sends no ETag with its /object_info (0.3.64 to 0.33.0), so it is not cached: it lists files, which
come and go while the server runs. A proxy in front of the server may add one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..errors import ServerError
from .core import Core
from .flow import Answer, Flow, Request

_NOT_MODIFIED: Final = 304


def unless_kept(core: Core, request: Request, send: Callable[[Request], Flow[Answer]]) -> Flow[Answer]:
    """Send a request, and reuse the answer of an earlier run if the server says that it is unchanged.

    Args:
        core: The client, which has the cache folder.
        request: A GET.
        send: Sends it.

    Raises:
        ClientError: What `send` raises.
    """
    name = f"{request.method} {core.address.url_of(request.path, request.query)}"
    kept = core.disk.find(name)
    if kept is None:
        return _keep(core, name, (yield from send(request)))
    try:
        asked = replace(request, headers={**request.headers, "If-None-Match": kept.tag})
        answer = yield from send(asked)
    except ServerError as error:
        if error.status != _NOT_MODIFIED:
            raise
        answer = Answer(_NOT_MODIFIED, {})
    if answer.status != _NOT_MODIFIED:
        return _keep(core, name, answer)
    content = core.disk.read(name, kept.tag, core.bounds.json)
    if content is not None:
        return Answer(200, answer.headers, content)
    # It was damaged, or another process has replaced it.
    return _keep(core, name, (yield from send(request)))


def _keep(core: Core, name: str, answer: Answer) -> Answer:
    tag = answer.headers.get("etag", "")
    if answer.ok and tag and tag.isascii() and tag.isprintable():
        core.disk.keep(name, tag, answer.content)
    elif answer.ok:
        core.disk.drop(name)
    return answer
