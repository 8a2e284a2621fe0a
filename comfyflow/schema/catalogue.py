"""A large /object_info whose classes are decoded when they are asked for.

Servers with many packs answer 100 MB, of which one workflow needs a dozen classes. The bytes are split
into one piece a class. The whole is checked for syntax by that; a piece is decoded when its class is
first used.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import re
import sys
from abc import abstractmethod
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from ..bounds import Bounds, exceeded, marks
from ..errors import SchemaError
from ..json_types import is_object

if TYPE_CHECKING:
    import msgspec

LARGE: Final = 1 << 20
"""The number of bytes from which splitting saves more than importing msgspec costs."""

_NOT_IN_JSON: Final = (b"NaN", b"Infinity")
"""What servers in Python write of numbers that JSON does not have."""
_SHORTEST_ENTRY: Final = len('"":0,')
_PIECE: Final = 1 << 20
_MODULE_KEY: Final = b'"python_module"'
_MODULE: Final = re.compile(_MODULE_KEY + rb'\s*:\s*"([^"\\]*)"')
_TAIL: Final = 1 << 12
_FIRST_STAND_IN: Final = 1_000_000


class Outline(NamedTuple):
    """What one node class says at its top, where all classes are looked through.

    Attributes:
        python_module: Where the server has it from; any JSON value.
        output: What it puts out; any JSON value.
    """

    python_module: Any
    output: Any


class _StandIn(NamedTuple):
    """A number that nothing else in the bytes has, in place of a word that JSON does not have."""

    word: bytes
    number: bytes


class LargeCatalogue(Mapping[str, Any]):
    """Classes that can be looked through without decoding each."""

    @abstractmethod
    def outlines(self) -> Iterator[Outline]:
        """What each class says at its top, without the rest; what is not an object is left out."""

    @abstractmethod
    def modules(self) -> Iterator[str]:
        """The modules of the classes, as far as they can be seen without decoding: the last that
        each class names.
        """

    @abstractmethod
    def mentioning(self, text: str) -> Iterator[Any]:
        """The entries in whose JSON a string is, in whatever role."""


class Catalogue(LargeCatalogue):
    """The entries of a JSON object by name, each decoded when it is first asked for.

    Looking one up raises `SchemaError` where the entries that were decoded have more values than the
    bounds allow.

    Args:
        pieces: The JSON of each entry.
        source: What to call the whole in messages.
        bounds: How many values the decoded entries may have together.
        stand_ins: What was put in place of words that JSON does not have.
    """

    def __init__(
        self,
        pieces: Mapping[str, msgspec.Raw | bytes],
        source: str,
        bounds: Bounds,
        stand_ins: Sequence[_StandIn] = (),
    ) -> None:
        self._pieces = (
            {_original(name, stand_ins): piece for name, piece in pieces.items()} if stand_ins else pieces
        )
        self._source = source
        self._bounds = bounds
        self._stand_ins = stand_ins
        self._decoded: dict[str, Any] = {}
        self._values = 0

    def __getitem__(self, name: str) -> Any:
        if name not in self._decoded:
            self._decoded[name] = self._decode(name, self._pieces[name])
        return self._decoded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._pieces

    def __iter__(self) -> Iterator[str]:
        return iter(self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)

    def __repr__(self) -> str:
        return f"<Catalogue of {len(self)} entries, from {self._source}>"

    def object_at(self, name: str) -> Mapping[str, Any] | None:
        """The entry of that name, not decoded either; None if it is not an object."""
        try:
            pieces = _pieces_of(self._pieces[name])
        except (KeyError, ValueError):
            return None
        return Catalogue(pieces, self._source, self._bounds, self._stand_ins)

    def outlines(self) -> Iterator[Outline]:
        """See `LargeCatalogue`."""
        decode = _outline_decoder().decode
        for piece in self._pieces.values():
            try:
                found = decode(piece)
            except ValueError:
                found = _slow_outline(bytes(piece))
            if found is not None:
                yield Outline(found.python_module, found.output)

    def modules(self) -> Iterator[str]:
        """See `LargeCatalogue`."""
        for piece in self._pieces.values():
            found = _MODULE.match(_from_last(_MODULE_KEY, piece))
            if found is not None:
                yield found[1].decode("utf-8", "replace")

    def mentioning(self, text: str) -> Iterator[Any]:
        """See `LargeCatalogue`."""
        wanted = text.encode()
        return (self[name] for name, piece in self._pieces.items() if wanted in bytes(piece))

    def release(self, name: str) -> None:
        """Forget what was decoded of an entry; it is decoded again when it is next looked at."""
        if self._decoded.pop(name, None) is not None:
            self._values -= marks(bytes(self._pieces[name]))

    def json(self, name: str) -> bytes:
        """The JSON of an entry."""
        data = bytes(self._pieces[name])
        for word, number in self._stand_ins:
            data = data.replace(number, word)
        return data

    def _decode(self, name: str, piece: msgspec.Raw | bytes) -> Any:
        self._values += marks(bytes(piece))
        if self._values > self._bounds.values:
            raise SchemaError(exceeded("values", self._bounds, self._source))
        try:
            return _value_of(self.json(name))
        except (ValueError, RecursionError) as error:
            raise SchemaError(f"{self._source}: {name!r:.80} is not valid JSON: {error}") from None


def split(data: bytes, source: str, bounds: Bounds) -> Catalogue | None:
    """The entries of a JSON object in bytes, undecoded.

    ``NaN`` and ``Infinity`` are let through, as `json.loads` does.

    Args:
        data: The JSON, in UTF-8.
        source: What to call it in messages.
        bounds: How many entries it may have.

    Returns:
        The entries; None if it is not an object, or is not valid: `json.loads` says why.

    Raises:
        SchemaError: It has too many entries.
    """
    if len(data) // _SHORTEST_ENTRY > bounds.values and data.count(b":") > bounds.values:
        raise SchemaError(exceeded("values", bounds, source))
    if not _is_utf8(data):
        return None
    try:
        return Catalogue(_pieces_of(data), source, bounds)
    except (ValueError, RecursionError):
        stand_ins = _choose_stand_ins(data)
    for word, number in stand_ins:
        data = data.replace(word, number)
    try:
        return Catalogue(_pieces_of(data), source, bounds, stand_ins) if stand_ins else None
    except (ValueError, RecursionError):
        return None


def layered(*layers: Mapping[str, Any]) -> Mapping[str, Any]:
    """Classes of several sources as one, the first that has a name counts; none is decoded for it."""
    # ChainMap asks for what may be changed; this one is only read.
    return ChainMap(*cast("tuple[MutableMapping[str, Any], ...]", layers))


def outlines(classes: Mapping[str, Any]) -> Iterator[Outline]:
    """What each class of an /object_info says at its top; what is not an object is left out."""
    if isinstance(classes, LargeCatalogue):
        return classes.outlines()
    nodes = (node for node in classes.values() if is_object(node))
    return (Outline(node.get("python_module"), node.get("output")) for node in nodes)


def modules(classes: Mapping[str, Any]) -> Iterator[str]:
    """The modules that the classes of an /object_info come from."""
    if isinstance(classes, LargeCatalogue):
        return classes.modules()
    return (str(node.python_module) for node in outlines(classes))


def mentioning(classes: Mapping[str, Any], text: str) -> Iterator[Any]:
    """Those classes of an /object_info in which a string may be."""
    return classes.mentioning(text) if isinstance(classes, LargeCatalogue) else iter(classes.values())


def _from_last(key: bytes, piece: msgspec.Raw | bytes) -> bytes:
    """A piece from where a key is in it for the last time; nothing where it is not.

    A class names its module behind its inputs, whose lists of files are not copied for it.
    """
    view = memoryview(piece)
    length = _TAIL
    while True:
        data = bytes(view[-length:])
        start = data.rfind(key)
        if start >= 0:
            return data[start:]
        if length >= len(view):
            return b""
        length *= 8


def _value_of(data: bytes) -> Any:
    """A JSON value, as `json.loads` reads it.

    Raises:
        ValueError: It is not one.
        RecursionError: It is nested too deep.
    """
    # It is quicker, but not so much that it is worth importing for a few classes.
    msgspec = sys.modules.get("msgspec")
    if msgspec is not None:
        with contextlib.suppress(ValueError, RecursionError):
            return msgspec.json.decode(data)
    return json.loads(data)


def _slow_outline(data: bytes) -> Outline | None:
    """The outline of what has words in it that JSON does not have; None of what is not an object."""
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return Outline(value.get("python_module"), value.get("output")) if is_object(value) else None


def _choose_stand_ins(data: bytes) -> list[_StandIn]:
    """A number for each word that JSON does not have.

    A number has its only 7 in front, so none can begin within another, and putting the words back gives
    the same bytes again.
    """
    numbers = (b"7%d" % each for each in count(_FIRST_STAND_IN) if b"7" not in b"%d" % each)
    unused = (number for number in numbers if number not in data)
    return [
        _StandIn(word, number) for word, number in zip(_NOT_IN_JSON, unused, strict=False) if word in data
    ]


def _original(name: str, stand_ins: Iterable[_StandIn]) -> str:
    for word, number in stand_ins:
        name = name.replace(number.decode(), word.decode())
    return name


def _is_utf8(data: bytes) -> bool:
    """Whether it is; msgspec does not look into what it does not decode."""
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    try:
        for start in range(0, len(view), _PIECE):
            decoder.decode(view[start : start + _PIECE], final=start + _PIECE >= len(view))
    except UnicodeDecodeError:
        return False
    return True


def _pieces_of(data: msgspec.Raw | bytes) -> dict[str, msgspec.Raw]:
    """The entries of an object.

    Raises:
        ValueError: It is not an object, or not valid.
    """
    import msgspec

    return msgspec.json.decode(data, type=dict[str, msgspec.Raw])


@cache
def _outline_decoder() -> msgspec.json.Decoder[Any]:
    import msgspec

    fields = [(name, Any, None) for name in Outline._fields]
    return msgspec.json.Decoder(msgspec.defstruct("_Outline", fields))
