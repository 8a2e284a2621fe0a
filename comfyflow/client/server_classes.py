"""The classes of a server for commands that look at one workflow: only those that it uses are asked for."""

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
from ..json_types import array_or_empty, is_object
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
"""Answers of a server that is busy, which may tell of the class the next time."""
_NAMES: Final = 16 * MIB
_HALF: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair: servers do not read it from an address as it was written."""


def asked_schema(url: str, **options: Unpack[ClientOptions]) -> Schema:
    """The node classes of a server, each asked for when it is looked at.

    Args:
        url: The server.
        options: How to connect to it.

    Returns:
        The schema. Where the server does not say its version, all classes are asked for at once: then
        they tell it.

    Raises:
        SchemaError: The server does not answer, also later, when a class is looked at.
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
    """A server that is asked for classes; see `ClassSource`.

    Args:
        url: The server.
        options: How to connect to it.
    """

    def __init__(self, url: str, options: ClientOptions) -> None:
        self._url = url
        self._options = options

    def connected(self) -> Client:
        """A client, which must be closed."""
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
        """See `ClassSource`; what the classes are called is kept for later."""
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
        return [name for name in array_or_empty(names) if isinstance(name, str)]


def _names_of(core: Core) -> str:
    return f"names of the classes of {core.address.url}"


@dataclass
class _Budget:
    """What may still be asked for: bytes, and anything at all."""

    left: int
    refused: bool = False


def single_classes(core: Core, names: list[str]) -> Flow[Mapping[str, Any] | None]:
    """What a server says of single classes, several at once.

    Args:
        core: The client.
        names: The classes.

    Returns:
        The entries of those that it has; None where it does not tell of each.

    Raises:
        ServerUnreachable: It does not answer.
        ClientError: It says more than it may.
    """
    budget = _Budget(core.bounds.json)
    answers = yield Gather([_single(core, name, budget) for name in names], _AT_ONCE)
    if budget.refused:
        return None
    return {name: answer[name] for name, answer in zip(names, answers, strict=True) if answer}


def _single(core: Core, name: str, budget: _Budget) -> Flow[Mapping[str, Any]]:
    """The answer for one class: an object with its entry, or an empty one.

    A server says of a class that it lacks ``{}``. Anything else that is no entry is no answer: a class that
    raises gives 500, and a proxy that reads the ``/`` in a name another route.
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
    """Ask once; a server that is busy is asked again."""
    answer = yield from ask(core, request)
    return (yield from call(core, request)) if answer.status in _PASSING else answer
