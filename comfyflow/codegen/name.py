"""Python names for a server's names.

A name is derived from the wire name alone, once. The same Unicode tables (3.2, which never
change) are used on every Python, so the same schema gives the same names everywhere. Where two
wire names come out alike, the one that is spelled just so keeps the name and each other gets a
suffix made from its own wire name: adding a node or an input renames nothing that is there.
"""

from __future__ import annotations

import hashlib
import keyword
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ..schema import NodeSchema

if TYPE_CHECKING:
    from typing_extensions import Self


MAX_LENGTH: Final = 80
"""The longest name that is made; longer ones are cut and get a suffix."""

_ILLEGAL: Final = re.compile(r"[^0-9A-Za-z]+")
_START: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"})
_CONTINUE: Final = _START | {"Mn", "Mc", "Nd"}
_KEYWORDS: Final = frozenset(keyword.kwlist)
_BUILTINS: Final = frozenset(
    """
    ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
    BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError
    ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning
    EnvironmentError Exception ExceptionGroup False FileExistsError FileNotFoundError FloatingPointError
    FutureWarning GeneratorExit IOError ImportError ImportWarning IndentationError IndexError
    InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError
    ModuleNotFoundError NameError None NotADirectoryError NotImplemented NotImplementedError OSError
    OverflowError PendingDeprecationWarning PermissionError ProcessLookupError PythonFinalizationError
    RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration
    StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError True TypeError
    UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError
    UnicodeWarning UserWarning ValueError Warning ZeroDivisionError abs aiter all anext any ascii bin
    bool breakpoint bytearray bytes callable chr classmethod compile complex copyright credits delattr
    dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals hasattr hash
    help hex id input int isinstance issubclass iter len license list locals map max memoryview min next
    object oct open ord pow print property quit range repr reversed round set setattr slice sorted
    staticmethod str sum super tuple type vars zip
    """.split()  # noqa: SIM905
)  # fmt: skip
"""Those of Python 3.13: the names must not depend on the Python that makes them."""
_UNNAMED: Final = "unnamed"
_OUTPUT: Final = "output"
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
)


class PythonName(str):
    """A legal Python identifier: no keyword, no leading underscore, of bounded length.

    Raises:
        ValueError: The string is not one.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:  # noqa: D102
        legal = text.isidentifier() and text not in _KEYWORDS and not text.startswith("_")
        if not legal or len(text) > MAX_LENGTH + 48 or unicodedata.normalize("NFKC", text) != text:
            raise ValueError(f"not a name: {text!r:.80}")
        return super().__new__(cls, text)


def python_name(wire: str, reserved: Collection[str] = ()) -> PythonName:
    """The Python name of a wire name, before collisions are looked for.

    Args:
        wire: Any text at all.
        reserved: Names that it must not be; it gets an underscore behind it.
    """
    name = _identifier(wire)
    return name if name not in reserved else _free(name, reserved)


def file_name(wire: str, reserved: Collection[str] = ()) -> PythonName:
    """The name of a module for one part of a server's module name: ASCII, and a legal file name
    on every system. An imported module is a name in the package that it is in, so it hides no built-in.
    """
    name: str = _identifier(wire)
    if not name.isascii():
        plain = "".join(character if character.isascii() else "_" for character in name).strip("_")
        name = _with_suffix(plain if plain[:1].isalpha() else "unnamed", wire, 8)
    if name.casefold() in _DEVICES:
        name = f"{name}_"
    return _free(name, reserved, _BUILTINS)


def class_name(wire: str, reserved: Collection[str] = ()) -> PythonName:
    """The name of a class: one that hides no built-in."""
    return _free(_identifier(wire), reserved, _BUILTINS)


def capitalized(name: str) -> str:
    """``resize_type`` as ``ResizeType``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) or name


def distinct_names(
    wires: Iterable[str],
    reserved: Collection[str] = (),
    *,
    named: Callable[[str, Collection[str]], PythonName] = python_name,
    fold: bool = False,
) -> dict[str, PythonName]:
    """A Python name for each wire name, no two alike, whatever order they come in.

    Args:
        wires: The wire names of one scope.
        reserved: Names that none of them may have.
        named: Makes the name of one.
        fold: Whether names that differ only in case are alike (files).
    """
    key: Callable[[str], str] = str.casefold if fold else str
    result = {wire: named(wire, reserved) for wire in sorted(set(wires))}
    if len(set(map(key, result.values()))) == len(result):
        return result
    groups: defaultdict[str, list[tuple[str, PythonName]]] = defaultdict(list)
    for wire, name in result.items():
        groups[key(name)].append((wire, name))
    taken = {*groups, *map(key, reserved)}
    for members in groups.values():
        keeper = members[0][0] if len(members) == 1 else next((w for w, name in members if w == name), None)
        for wire, name in members:
            result[wire] = name if wire == keeper else _suffixed(name, wire, taken, key)
            taken.add(key(result[wire]))
    return result


def output_names(wires: Sequence[str], reserved: Collection[str] = ()) -> list[PythonName]:
    """A Python name for each output of a node, in slot order.

    Outputs may share a wire name; the second ``IMAGE`` becomes ``IMAGE_2``. Where a name has nothing
    that could be spelled (``*``), the output is called just that: ``output``, ``output_2``.
    """
    wires = [_OUTPUT if _is_unspelled(wire) else wire for wire in wires]
    first = distinct_names(wires, reserved)
    taken: set[str] = {*first.values(), *reserved}
    numbers: dict[str, int] = {}
    names: list[PythonName] = []
    for wire in wires:
        name = first[wire]
        number = numbers.get(wire, 1)
        if number > 1:
            while f"{first[wire]}_{number}" in taken:
                number += 1
            name = PythonName(f"{first[wire]}_{number}")
            taken.add(name)
        numbers[wire] = number + 1
        names.append(name)
    return names


@lru_cache(maxsize=16384)
def _identifier(wire: str) -> PythonName:
    return _free(_spelled(wire))


def _spelled(wire: str) -> str:
    if wire.isascii() and wire.isidentifier() and wire[0] != "_" != wire[-1] and len(wire) <= MAX_LENGTH:
        return wire
    name = _ILLEGAL.sub("_", wire).strip("_") if wire.isascii() else _folded(wire[: 8 * MAX_LENGTH])
    if not name or not (name.isidentifier() or name[0].isdigit() or f"n_{name}".isidentifier()):
        return _with_suffix(_UNNAMED, wire, 8)
    if not name.isidentifier():
        name = f"n_{name}"
    if unicodedata.normalize("NFKC", name) != name or not name.isidentifier():
        return _with_suffix(_UNNAMED, wire, 8)
    if len(wire) > MAX_LENGTH or len(name) > MAX_LENGTH:
        return _with_suffix(name[: MAX_LENGTH - 9].rstrip("_"), wire, 8)
    return name


def former_output_name(wire: str) -> str:
    """What comfyflow 0.1 called an output of which nothing can be spelled; ``""`` for any other."""
    return _identifier(wire) if _is_unspelled(wire) else ""


def _is_unspelled(wire: str) -> bool:
    return _spelled(wire).startswith(_UNNAMED) and not wire.startswith(_UNNAMED)


def _folded(wire: str) -> str:
    """What Python would read, with every character that is in no name as an underscore."""
    folded = unicodedata.normalize("NFKC", "".join(map(_legal, wire)))
    return "_".join(part for part in "".join(map(_legal, folded)).split("_") if part)


def _free(name: str, *taken: Collection[str]) -> PythonName:
    while name in _KEYWORDS or any(name in names for names in taken):
        name = f"{name}_"
    return PythonName(name)


def _legal(character: str) -> str:
    return character if unicodedata.ucd_3_2_0.category(character) in _CONTINUE else "_"


def _suffixed(name: str, wire: str, taken: Collection[str], key: Callable[[str], str]) -> PythonName:
    for length in (4, 8, 16, 40):
        suffixed = _with_suffix(name.rstrip("_"), wire, length)
        if key(suffixed) not in taken:
            return PythonName(suffixed)
    raise AssertionError(f"two wire names have one SHA-1: {wire!r:.80}")


def _with_suffix(name: str, wire: str, length: int) -> str:
    return f"{name}_{hashlib.sha1(wire.encode('utf-8', 'surrogatepass')).hexdigest()[:length]}"  # noqa: S324


_AFFIX: Final = re.compile(r"^comfy(ui)?[-_ ]+|[-_ ]+comfyui$", re.IGNORECASE)
_ENDS: Final = re.compile(r"^[^\w\s(\[{]+(?=\w)|(?<=\w)[^\w\s)\]}]+$")
"""Signs at the ends of a name; brackets and what is apart belong to it."""


def class_names(nodes: Iterable[NodeSchema], taken: Collection[str]) -> dict[str, PythonName]:
    """The name of each class, by class type.

    A class whose own name is an identifier keeps it. A pack's class that would only lose signs at its
    ends (``GetImageSize+``) has the pack behind it (``GetImageSize_essentials``): a class of the
    plain name may be there, or come with the next server. So have those of packs whose names come
    out as another's. What is alike even then gets a suffix made from its class type.

    Args:
        nodes: The nodes.
        taken: Names that no class may have.
    """
    known = {node.class_type: node for node in nodes}
    names = {wire: class_name(wire, taken) for wire in known}
    losing = {wire for wire, node in known.items() if node.of_pack and _loses_signs(wire, names[wire])}
    counts = Counter(name for wire, name in names.items() if wire not in losing)
    for wire, node in known.items():
        name = names[wire]
        if wire in losing or (node.of_pack and name != wire and counts[name] > 1):
            names[wire] = class_name(f"{name.rstrip('_')}_{pack_name(node.python_module)}", taken)
    return distinct_names(known, taken, named=lambda wire, _: names[wire])


def _loses_signs(wire: str, name: str) -> bool:
    kept = _ENDS.sub("", wire)
    return kept != wire and class_name(kept) == name


def pack_name(python_module: str) -> str:
    """What people call a pack: its folder's name, without ComfyUI in it and in small letters.

    Args:
        python_module: The module of one of its classes (``custom_nodes.ComfyUI_essentials``).
    """
    folder = python_module.split(".")[1] if "." in python_module else python_module
    return python_name(_AFFIX.sub("", folder) or folder).lower()


def former_names(nodes: Iterable[NodeSchema], taken: Collection[str]) -> dict[str, PythonName]:
    """What comfyflow 0.1 called the classes, by class type.

    Args:
        nodes: The nodes.
        taken: Names that no class may have.
    """
    return distinct_names((node.class_type for node in nodes), taken, named=class_name)
