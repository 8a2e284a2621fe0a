"""Answers that are kept between runs, as long as the server itself says that they still hold.

ComfyUI gives its /object_info no ETag (0.3.64 to 0.33.0), so that nothing of it is kept: it lists files,
which come and go while the server runs. What stands between us and a server may give one.
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
    """Send a request, and take the answer of an earlier run where the server says that it is the same.

    Args:
        core: The client; it has the cache folder.
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
    # It was damaged, or another process has replaced it meanwhile.
    return _keep(core, name, (yield from send(request)))


def _keep(core: Core, name: str, answer: Answer) -> Answer:
    tag = answer.headers.get("etag", "")
    if answer.ok and tag and tag.isascii() and tag.isprintable():
        core.disk.keep(name, tag, answer.content)
    elif answer.ok:
        core.disk.drop(name)
    return answer
