"""A server's classes for commands that look at one workflow: only those that it uses are requested."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import Unpack

from ..bounds import MIB, exceeded
from ..client_options import ClientOptions
from ..errors import ClientError, SchemaError, ServerError
from ..json_types import is_object, texts_in
from ..schema.asked_classes import AskedClasses
from ..schema.object_info import parse_object_info
from ..schema.schema import Schema
from .client import Client
from .core import Core, ask, call, parse_json
from .flow import Answer, Flow, Gather, Request, segment
from .kept_answer import unless_kept
from .routes.node_class_routes import object_info_answer, server_told

_AT_ONCE: Final = 8
_PASSING: Final = frozenset({408, 425, 429, 502, 503, 504})
"""Answers of a busy server, which may succeed the next time."""
_NAMES: Final = 16 * MIB
_HALF: Final = re.compile("[\ud800-\udfff]")
"""A lone surrogate: servers do not decode it from an address as it was written."""


def asked_schema(url: str, **options: Unpack[ClientOptions]) -> Schema:
    """The node classes of a server, each requested on access.

    Args:
        url: The server.
        options: How to connect to it.

    Returns:
        The schema. If the server does not report its version, all classes are requested at once, which
            reveals it.

    Raises:
        SchemaError: The server does not answer, now or later, when a class is accessed.
    """
    source = ServerClasses(url, options)
    try:
        with source.connected() as client:
            told = client._driver.drive(server_told(client._core))
            address = client._core.address.url
    except ClientError as error:
        raise SchemaError(str(error)) from None
    if told.version is None:
        return Schema(source.whole(), None, address, editor=told.editor)
    return Schema(AskedClasses(source), told.version, address, editor=told.editor)


class ServerClasses:
    """A server as a source of classes; see `ClassSource`.

    Args:
        url: The server.
        options: How to connect to it.
    """

    def __init__(self, url: str, options: ClientOptions) -> None:
        self._url = url
        self._options = options

    def connected(self) -> Client:
        """Make a client, which must be closed."""
        return Client(self._url, **self._options)

    def singly(self, names: list[str]) -> Mapping[str, Any] | None:
        """See `ClassSource`."""
        if any(_HALF.search(name) for name in names):
            return None
        try:
            with self.connected() as client:
                return client._driver.drive(single_classes(client._core, names))
        except ClientError as error:
            raise SchemaError(str(error)) from None

    def whole(self) -> Mapping[str, Any]:
        """See `ClassSource`; the class names are cached."""
        try:
            with self.connected() as client:
                core = client._core
                answer = client._driver.drive(object_info_answer(core))
                found = parse_object_info(answer.content, f"/object_info of {core.address}", core.bounds)
                core.disk.keep(_names_of(core), "", json.dumps(list(found)).encode())
                return found
        except ClientError as error:
            raise SchemaError(str(error)) from None

    def kept_names(self) -> list[str]:
        """See `ClassSource`."""
        with self.connected() as client:
            core = client._core
            content = core.disk.read(_names_of(core), "", _NAMES)
        try:
            names: object = json.loads(content or b"[]")
        except (ValueError, RecursionError):
            return []
        return [*texts_in(names)]


def _names_of(core: Core) -> str:
    return f"names of the classes of {core.address.url}"


@dataclass
class _Budget:
    """What may still be requested: bytes, and requests."""

    left: int
    refused: bool = False


def single_classes(core: Core, names: list[str]) -> Flow[Mapping[str, Any] | None]:
    """Ask a server for single classes, several at once.

    Args:
        core: The client.
        names: The classes.

    Returns:
        The entries of those that it has; None if it does not answer for each.

    Raises:
        ServerUnreachable: It does not answer.
        ClientError: Its answer is too large.
    """
    budget = _Budget(core.bounds.json)
    answers = yield Gather([_single(core, name, budget) for name in names], _AT_ONCE)
    if budget.refused:
        return None
    return {name: answer[name] for name, answer in zip(names, answers, strict=True) if answer}


def _single(core: Core, name: str, budget: _Budget) -> Flow[Mapping[str, Any]]:
    """The answer for one class: an object with its entry, or an empty one.

    For a class that it lacks, a server answers ``{}``. Anything else that is not an entry does not count: a
    class that raises gives 500, and a proxy that decodes the ``/`` in a name gives another route.
    """
    if budget.refused:
        return {}
    request = Request("GET", f"/api/object_info/{segment(name)}")
    try:
        answer = yield from unless_kept(core, request, lambda asked: _ask(core, asked))
        said: object = parse_json(core, request, answer) if answer.ok else None
    except ServerError:
        said = None
    else:
        budget.left -= len(answer.content)
    if budget.left < 0:
        raise ClientError(exceeded("json", core.bounds, f"/object_info of {core.address}"))
    if is_object(said) and (not said or name in said):
        return said
    budget.refused = True
    return {}


def _ask(core: Core, request: Request) -> Flow[Answer]:
    """Ask once; a busy server is asked again."""
    answer = yield from ask(core, request)
    return (yield from call(core, request)) if answer.status in _PASSING else answer
