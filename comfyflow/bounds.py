"""How much a server or a file may send: every bound, in one place.

Responses, messages and files are untrusted. Their cost is bounded here, generously; to allow more:
``Client(url, bounds=Bounds(json=2 * GIB))``, or for every program and command
``COMFYFLOW_BOUNDS="json=2G text=64M"``. See ``docs/limits.md``.
"""

from __future__ import annotations

import math
import os
import re
import zlib
from collections.abc import Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .errors import BoundsError

MIB: Final = 1024**2
GIB: Final = 1024**3
VARIABLE: Final = "COMFYFLOW_BOUNDS"
"""The environment variable that sets bounds: ``json=2G text=64M``."""

MAX_SCOPE_DEPTH: Final = 16
"""How many scopes the id of a node in a prompt may spell, and how deep functions call one another."""

NESTING: Final = 200
"""How deep subgraphs of the editor may be in one another."""

PICTURE_TEXT: Final = 4000
"""How many characters of a title, a value or a note a picture may show."""

PNG_PIXELS: Final = 40_000_000
"""How many pixels a picture has at most; a larger one is made smaller."""

LANES_PER_BOX: Final = 8
"""How many lanes per node a layout has for wires that pass columns; the longest wires beyond that have
none.
"""

DYNAMIC_NESTING: Final = 32
"""How deep dynamic inputs may be in one another. Real schemas reach 3."""

MODEL_FILES: Final = 1000
"""How many model files of one workflow are listed. Large real ones want some 20."""

MODEL_REDIRECTS: Final = 8
"""How often the address of a model file may lead to another. Real ones do once or twice."""

MAX_NODES: Final = 500_000
"""How many nodes an editor workflow may have in all its graphs. Large real ones have some 2,000."""

MAX_NODE_ID: Final = 100_000_000
"""The editor gives out no higher id."""

MAX_GROUPS: Final = 1000
"""How many groups of one canvas are reported, the largest first. Real ones have some 30."""

MAX_NOTE_LINES: Final = 400
"""How many lines of one note are written into source. The longest of the official templates has 76."""

SIMULATED_NESTING: Final = 500
"""How deep a constant may be nested that the simulator runs: 450 levels ran on real servers, 600 ended
their workers."""

SIMULATED_HISTORY: Final = 10_000
"""How many runs the history of the simulator holds before each new one drives out the oldest, as on real
servers."""

SIMULATED_ITERATIONS: Final = 10_000
"""How often the simulator goes through a loop. A real server has no bound but its memory."""

SIMULATED_HEADER: Final = MIB
"""How large the header of a safetensors file may be that the simulator reads."""

SIMULATED_SECONDS: Final = 600.0
"""How long a sound is that the simulator makes or reads."""

SIMULATED_PIXELS: Final = 2**27
"""Of all frames together that the simulator reads from one video; as numbers they take 12 bytes each."""

SIMULATED_SIDE: Final = 1280
"""Larger pictures are painted at this size and enlarged."""

EXPRESSION_LENGTH: Final = 4000
"""How many characters a formula may have that the simulator works out."""

EXPRESSION_DEPTH: Final = 100
"""How deep its operations may be nested."""

EXPRESSION_EXPONENT: Final = 4000
"""The largest exponent in it, and the most digits that it may round to; ComfyUI's own bound."""

EXPRESSION_BITS: Final = 100_000
"""How large its whole numbers may become."""

ROWS_CHECKED: Final = 1_000_000
"""How many rows of a file or a list are read to be checked before the first is given out; later ones are
checked as they come."""

ROW_LENGTH: Final = 4 * MIB
"""How many characters one line of a file of rows may have."""

ROW_COLUMNS: Final = 1000
"""How many columns a table of rows may have, and how many axes a sweep."""

ROW_PROBLEMS: Final = 1000
"""How many problems of rows are kept to be reported."""

AXIS_VALUES: Final = 1_000_000
"""How many values one axis of a grid may have, files that a pattern fits among them, and how many rows a
file or a list may have of which a sample is drawn."""

SHEET_ROWS: Final = 100_000
"""How many rows a contact sheet may have."""

SHEET_SIZE: Final = 256 * MIB
"""How many characters the texts on it may have together."""

SHEET_INLINE: Final = 500
"""How many thumbnails a contact sheet holds itself; more are in a folder beside it."""

THUMBNAIL_SOURCE: Final = 512 * MIB
"""How many bytes a file may have of which a thumbnail is made."""

THUMBNAIL_PIXELS: Final = 2**28
"""How many pixels it may have."""

COMPARED_FRAMES: Final = 100_000
"""How many frames two videos may have that are compared."""

COMPARED_PIXELS: Final = 2**36
"""How many pixels their frames may have together: 9 hours of 24 frames a second, at 360 by 240; 30,000
frames of full HD."""

COMPARED_SAMPLES: Final = 2**29
"""How many samples two sounds may have that are compared: 93 minutes of stereo at 48 kHz."""

CACHE_SIZE: Final = 512 * MIB
"""How many bytes the cache folder may hold."""

CACHED_FILES: Final = 4096
"""How many entries it may hold."""

KEPT_PACKAGE: Final = 32 * MIB
"""How many bytes of a generated package the cache folder keeps; the reference package has 4 MiB."""

ASKED_SINGLY: Final = 200
"""Classes that a server is asked for one by one; for more, its whole /object_info comes faster."""

AGENT_ANSWER: Final = 20_000
"""How many bytes an agent is answered at most, unless it asks for more."""

AGENT_ANSWER_MOST: Final = 1_000_000
"""How many bytes it may ask for."""

AGENT_RESOURCE: Final = 16 * MIB
"""How many bytes a file may have that an agent reads as a resource."""

AGENT_JOBS: Final = 32
"""How many prompts agents may have on a server at once."""

AGENT_ENDED_JOBS: Final = 200
"""How many of their prompts that have ended are remembered."""

NAMED_INPUTS: Final = 200
"""How many parameters a workflow that is not Python may have."""

NAMED_INPUTS_SIZE: Final = MIB
"""How many bytes the file that names them may have."""

TEMPLATES: Final = 64
"""How many prompts of one workflow are kept to be filled again, each for other values of the parameters that
its graph depends on."""

SERVED_PREVIEW: Final = 2 * MIB
"""How many bytes a preview may have that a service passes on; those of real servers have some 30 KiB."""

SERVED_JSON: Final = 4 * MIB
"""How many bytes of JSON a request to a service may have."""

SERVED_VALUES: Final = 100_000
"""How many values may be in it."""

SERVED_BODY: Final = 512 * MIB
"""How many bytes a request with files may have."""

SERVED_FILES: Final = 32
"""How many files it may have."""

SERVED_FIELDS: Final = 1000
"""How many fields it may have beside files."""

SERVED_FIELD: Final = MIB
"""How many bytes a field like that may have."""

SERVED_SECONDS: Final = 300.0
"""How long a request may take to arrive."""

SERVED_PAGE: Final = 200
"""How many jobs one answer of a service lists at most."""

SERVED_THUMBNAILS: Final = 32 * MIB
"""How many bytes of thumbnails a service keeps in memory; they have some 30 KiB each."""

SERVED_THUMBNAIL_SOURCE: Final = 64 * MIB
"""How many bytes a picture may have of which a service makes one."""

SERVED_THUMBNAIL_PIXELS: Final = 2**26
"""How many pixels it may have: a picture of 64 million takes some 500 MB while its thumbnail is made."""

LISTED_CHOICES: Final = 1000
"""How many choices of an input a parameter lists; if there are more, any string is accepted and the
server decides.
"""

_FREE: Final = MIB
"""How many bytes compressed data may always expand to, however small it is."""
_PIECE: Final = MIB
"""How many bytes are decompressed at once."""
_COUNTS: Final = ("values", "text_values", "ratio", "nodes", "expanded")
"""Bounds that are not numbers of bytes."""
_OF_CONVERSION: Final = ("nodes", "expanded")
"""Bounds that only the environment sets."""
_UNITS: Final = {"": 1, "K": 1024, "M": MIB, "G": GIB}
_AMOUNT: Final = re.compile(r"(\d{1,15})([KMG]?)", re.IGNORECASE)
_SETTING: Final = re.compile(rf"(\w+)={_AMOUNT.pattern}", re.IGNORECASE)
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32


class _Bounds(NamedTuple):
    """The fields of `Bounds`: a named tuple cannot check what it is made of."""

    answer: int = 2 * GIB
    json: int = 512 * MIB
    values: int = 30_000_000
    file: int = 64 * GIB
    message: int = 256 * MIB
    ratio: int = 200
    rate: int = 256
    grace: int = 60
    text: int = 16 * MIB
    text_values: int = 2_000_000
    nodes: int = 100_000
    expanded: int = 64 * MIB


class Bounds(_Bounds):
    """The limits for what a server or a file may send. In bytes, unless stated otherwise.

    Attributes:
        answer: A response that is read into memory, decompressed.
        json: A response or a file that is read as JSON. A real /object_info has 107 MB.
        values: Values in that JSON.
        file: A file that is written to disk.
        message: One message of the WebSocket, unpacked.
        ratio: How many times larger than what came compressed data may become; the first MiB
            is free.
        rate: Bytes a second, on average, below which a response counts as broken off. The first
            `grace` seconds are free.
        grace: See `rate`; seconds.
        text: The text that one image, video, sound or model carries, decompressed.
        text_values: Values in text that is read as JSON.
        nodes: Nodes that an editor workflow stands for once its subgraphs and group nodes
            are expanded. Large real ones have some 2,000.
        expanded: The ids and the texts of these nodes together, in characters.

    Raises:
        TypeError: One is not a whole number.
        ValueError: One is negative.
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # a type checker takes the signature from the fields
        _Bounds.__new__.__qualname__ = "Bounds.__new__"  # as errors name it

        @wraps(_Bounds.__new__)
        def __new__(cls, *values, **named):  # noqa: D102
            made = super().__new__(cls, *values, **named)
            for value in made:
                if type(value) is not int or value < 0:
                    return super().__new__(cls, *map(_checked, cls._fields, made))
            return made

        @classmethod
        def _make(cls, iterable):  # `_replace` makes its copies by this
            return cls(*iterable)

    @classmethod
    def from_environment(cls) -> Bounds:
        """The defaults, changed as ``COMFYFLOW_BOUNDS`` says.

        Raises:
            BoundsError: It says something else.
        """
        said = os.environ.get(VARIABLE, "")
        return _read(said) if said.strip() else _DEFAULT

    def unpacked(self, packed: int, most: int) -> int:
        """How many bytes a number of compressed bytes may expand to.

        Args:
            packed: The compressed bytes.
            most: The bound of what they are.
        """
        return min(max(_FREE, packed * self.ratio), most)


def _checked(name: str, value: Any) -> int:
    """A bound as it is given to `Bounds`."""
    from .number import read_count

    kind = "a whole number" if name in (*_COUNTS, "grace") else "a whole number of bytes"
    try:
        return read_count(value, f"{name} of Bounds", kind)
    except TypeError as error:
        raise TypeError(f"{error}{_advice(value)}") from None


def _advice(value: object) -> str:
    """What to write instead of a value that is not a bound."""
    written = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if written is not None:
        unit = {"": "", "K": " * 1024", "M": " * MIB", "G": " * GIB"}[written[2].upper()]
        return f"; write {written[1]}{unit}"
    return (
        "; to allow any, write a large number such as 2**60"
        if value is None or (isinstance(value, float) and value == math.inf)
        else ""
    )


_DEFAULT: Final = Bounds()


def _read(text: str) -> Bounds:
    names = frozenset(Bounds._fields)
    found: dict[str, int] = {}
    for word in text.replace(",", " ").split():
        match = _SETTING.fullmatch(word)
        if match is None or match[1].lower() not in names:
            raise BoundsError(
                f"{VARIABLE}: {word!r:.60} is not a bound; write bounds like json=2G, with one of "
                f"{', '.join(sorted(names))}"
            )
        found[match[1].lower()] = int(match[2]) * _UNITS[match[3].upper()]
    return _DEFAULT._replace(**found)


def exceeded(name: str, bounds: Bounds, what: str) -> str:
    """The sentence that says what is too large, and how to allow it.

    Args:
        name: The bound.
        bounds: The bounds in effect.
        what: What is too large: ``the answer``.
    """
    value: int = getattr(bounds, name)
    shown = readable(value) if name not in _COUNTS else f"{value:,}"
    beyond = {
        "values": f"{what} has more than {shown} values",
        "text_values": f"{what} has more than {shown} values",
        "ratio": f"{what} decompresses to more than {shown} times its compressed size",
        "nodes": f"{what}; more than {shown} are not converted",
        "expanded": f"{what}; more than {shown} are not converted",
    }.get(name, f"{what} is larger than {shown}")
    or_so = "" if name in _OF_CONVERSION else f" or Bounds({name}=…)"
    return f"{beyond}; to allow it, set {VARIABLE}={name}=…{or_so}"


def readable(size: int) -> str:
    """A number of bytes as people write it."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", 1024)):
        if size >= factor:
            return f"{size / factor:g} {unit}" if size % factor == 0 else f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def check_json(data: bytes | str, bounds: Bounds, what: str) -> None:
    """Reject JSON that would take too much memory, before it is parsed.

    A value costs Python up to hundred bytes where JSON writes three. Values are counted by what
    is between them.

    Args:
        data: The JSON.
        bounds: The bounds in effect.
        what: What to call it in the error.

    Raises:
        BoundsError: It is too large, or has too many values.
    """
    if len(data) > bounds.json:
        raise BoundsError(exceeded("json", bounds, what))
    if marks(data) > bounds.values:
        raise BoundsError(exceeded("values", bounds, what))


def marks(data: bytes | str) -> int:
    """How many values JSON has at most; signs in its texts count too."""
    if isinstance(data, str):
        return data.count(",") + data.count("[") + data.count("{")
    return data.count(b",") + data.count(b"[") + data.count(b"{")


class Unpacker:
    """Unpacks gzip or zlib data piece by piece, and stops where it becomes too much.

    Args:
        bounds: The bounds in effect.
        most: How many bytes may come out.
        name: The bound that `most` is, for the error.
        what: What is unpacked, for the error.
        window: zlib's ``wbits``; by default gzip and zlib are told apart.
    """

    def __init__(self, bounds: Bounds, most: int, name: str, what: str, window: int = _GZIP_OR_ZLIB) -> None:
        self._bounds = bounds
        self._most = most
        self._name = name
        self._what = what
        self._inner = zlib.decompressobj(window)
        self._raw_allowed = window == _GZIP_OR_ZLIB
        self._packed = 0
        self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpack the next bytes.

        Raises:
            BoundsError: More comes out than may.
            zlib.error: The data is damaged.
        """
        self._packed += len(data)
        allowed = self._bounds.unpacked(self._packed, self._most)
        while data and not self._inner.eof:
            piece = self._inflated(data)
            self._raw_allowed = False
            data = self._inner.unconsumed_tail
            self._given += len(piece)
            if self._given > allowed:
                name = self._name if self._given > self._most else "ratio"
                raise BoundsError(exceeded(name, self._bounds, self._what))
            if piece:
                yield piece

    def _inflated(self, data: bytes) -> bytes:
        try:
            return self._inner.decompress(data, _PIECE)
        except zlib.error:
            if not self._raw_allowed:
                raise
        # Some servers say "deflate" and send it without the header that zlib has.
        self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        return self._inner.decompress(data, _PIECE)

    @property
    def whole(self) -> bool:
        """Whether the data has come to its end."""
        return self._inner.eof


def unpack_gzip(data: bytes, bounds: Bounds, most: int, name: str, what: str) -> bytes:
    """Unpack a gzip file that is here as a whole.

    Args:
        data: The file.
        bounds: The bounds in effect.
        most: How many bytes may come out.
        name: The bound that `most` is, for the error.
        what: What is unpacked, for the error.

    Raises:
        BoundsError: More comes out than may.
        OSError: It is not a gzip file, or damaged.
        EOFError: It is cut off.
        zlib.error: It is damaged.
    """
    import gzip
    import io

    allowed = bounds.unpacked(len(data), most)
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        found = packed.read(allowed + 1)
    if len(found) > allowed:
        raise BoundsError(exceeded(name if allowed == most else "ratio", bounds, what))
    return found
