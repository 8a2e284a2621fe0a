"""The schema that is beside generated modules, for checks that types cannot make.

It is an /object_info again, sorted and with one node a line so that changes read well, in an
object that says which server it came from. Without docs it holds facts only: names, types,
ranges, defaults, choices and flags, but no sentence of the server's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ..bounds import DYNAMIC_NESTING
from ..json_types import array_or_empty, is_array, is_object
from ..schema import NodeSchema

FILE_NAME: Final = "schema.json"

MAX_DEPTH: Final = 50
"""How deep a value in an input's options may be nested. Real ones reach 6."""

NODE_KEYS: Final = (
    "name", "display_name", "category", "python_module", "output_node", "deprecated", "experimental",
    "dev_only", "api_node", "is_input_list", "has_intermediate_output", "input", "input_order", "output",
    "output_is_list", "output_name", "output_matchtypes",
)  # fmt: skip
_MODULE_PATH: Final = re.compile(r"(?:\w+/)*\w+\.py", re.ASCII)
_INPUTS: Final = frozenset({"input", "required", "optional", "hidden"})
PROSE_KEYS: Final = ("description", "output_tooltips", "search_aliases")
OPTION_PROSE: Final = frozenset({"tooltip", "placeholder", "description", "label_on", "label_off"})


_LINES_IN_MEMORY: Final = 1 << 24
"""How many bytes of lines are kept in memory."""


class NotJsonError(ValueError):
    """A node that no JSON can hold; never leaves this package."""


def schema_line(node: NodeSchema, docs: bool) -> str:
    """The JSON of one node, on one line.

    Args:
        node: The node.
        docs: Whether prose is kept.

    Raises:
        NotJsonError: It is nested too deep, or holds something that is not JSON.
    """
    raw = node.raw
    kept: dict[str, Any] = {key: _plain(raw[key]) for key in NODE_KEYS if key in raw and key != "input"}
    kept["input"] = _groups(raw.get("input"), raw.get("input_order"), docs, 0)
    if "price_badge" in raw:
        badge = raw["price_badge"]
        kept["price_badge"] = _plain(badge) if docs or badge is None else {}
    if docs:
        kept.update({key: _plain(raw[key]) for key in PROSE_KEYS if key in raw})
    return _encode(kept)


class NodeLines(Mapping[str, str]):
    """The lines of nodes by class type; where they are many, on disk until the file is written."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_LINES_IN_MEMORY)  # noqa: SIM115  # closed with it
        self._places: dict[str, tuple[int, int]] = {}
        weakref.finalize(self, self._file.close)

    def add(self, class_type: str, line: str) -> None:
        """Add the line of a node.

        Raises:
            OSError: The disk does not take it.
        """
        data = line.encode()
        self._places[class_type] = (self._file.seek(0, os.SEEK_END), len(data))
        self._file.write(data)

    def __getitem__(self, class_type: str) -> str:
        start, length = self._places[class_type]
        self._file.seek(start)
        return self._file.read(length).decode()

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class SchemaFile:
    """The file as a whole, which need not be in memory.

    Args:
        lines: `schema_line` of each node, by class type.
        class_types: Those that are in the file.
        version: The server's version.
        files: The modules that are written with it; see `written_files`.
        editor: The version of the editor that the server requires, if it said it.
    """

    def __init__(
        self,
        lines: Mapping[str, str],
        class_types: Iterable[str],
        version: str,
        files: Iterable[str],
        editor: str | None = None,
    ) -> None:
        self._lines = lines
        self._class_types = sorted(class_types)
        digest = hashlib.sha256(f"{version}\n".encode())
        for piece in self._nodes():
            digest.update(piece)
        said = f'"editor_version":{json.dumps(editor)},\n' if editor is not None else ""
        self._head = (
            f'{{"comfyui_version":{json.dumps(version)},\n{said}"hash":"sha256:{digest.hexdigest()}",\n'
            f'"generator":"comfyflow gen-stubs",\n"files":{json.dumps(sorted(files), indent=0)},\n'
            '"nodes":{\n'
        )

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, piece by piece."""
        yield self._head.encode()
        yield from self._nodes()
        yield b"\n}}\n"

    def _nodes(self) -> Iterator[bytes]:
        for index, name in enumerate(self._class_types):
            yield f"{',' if index else ''}{chr(10) if index else ''}{json.dumps(name)}:".encode()
            yield self._lines[name].encode()


class PackageFiles(Mapping[str, str]):
    """The files of a package: their texts by path, the schema file's put together when it is looked at.

    Args:
        modules: The others.
        schema: The schema file.
    """

    def __init__(self, modules: Mapping[str, str], schema: SchemaFile) -> None:
        self._modules = modules
        self._schema = schema

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes of a file, piece by piece."""
        return self._schema.pieces() if path == FILE_NAME else iter((self._modules[path].encode(),))

    def __getitem__(self, path: str) -> str:
        return b"".join(self._schema.pieces()).decode() if path == FILE_NAME else self._modules[path]

    def __iter__(self) -> Iterator[str]:
        yield from self._modules
        yield FILE_NAME

    def __len__(self) -> int:
        return len(self._modules) + 1


def written_files(data: bytes) -> set[str]:
    """The modules that were written with a schema file; none if the bytes are not one."""
    _, found, rest = data.partition(b'"files":[')
    listed = rest.partition(b"]")[0].decode("ascii", "replace") if found else ""
    return {name for name in re.findall(r'"([^"]*)"', listed) if _MODULE_PATH.fullmatch(name)}


def _groups(groups: object, order: object, docs: bool, nesting: int) -> Any:
    """The ``{"required": …, "optional": …}`` of a node or a dynamic option: inputs keep the
    server's order, all else is sorted.
    """
    if not is_object(groups):
        return _plain(groups)
    if nesting > DYNAMIC_NESTING:
        raise NotJsonError(f"its dynamic inputs are nested more than {DYNAMIC_NESTING} deep")
    hidden = groups.get("hidden")
    written: dict[str, Any] = {} if hidden is None else {"hidden": _plain(hidden)}
    for group in ("required", "optional"):
        members = groups.get(group)
        if not is_object(members):
            continue
        listed = array_or_empty(order.get(group)) if is_object(order) else []
        first = [name for name in listed if isinstance(name, str) and name in members]
        names = dict.fromkeys([*first, *map(_text, members)])
        written[group] = {name: _definition(members[name], docs, nesting) for name in names}
    return written


def _definition(definition: Any, docs: bool, nesting: int) -> Any:
    if not is_array(definition) or len(definition) < 2 or not is_object(definition[1]):
        return _plain(definition)
    kind, options = definition[0], definition[1]
    kept = {
        key: value if type(value := options[key]) in _SCALARS else _option(key, value, docs, nesting)
        for key in _sorted(options)
        if docs or key not in OPTION_PROSE
    }
    return [kind if type(kind) is str else _plain(kind), kept]


def _option(key: str, value: Any, docs: bool, nesting: int) -> Any:
    """An option; in the three that hold inputs, those are treated like a node's."""
    if key == "inputs":
        return _groups(value, None, docs, nesting + 1)
    if key == "template" and is_object(value):
        rest = {name: _plain(value[name]) for name in _sorted(value) if name not in _INPUTS}
        inner = {"input": _groups(value["input"], None, docs, nesting + 1)} if "input" in value else {}
        return {**rest, **_groups(value, None, docs, nesting + 1), **inner}
    if key == "options" and is_array(value):
        return [_dynamic_option(option, docs, nesting) for option in value]
    return _plain(value)


def _dynamic_option(option: Any, docs: bool, nesting: int) -> Any:
    if not is_object(option):
        return _plain(option)
    return {
        key: _groups(option[key], None, docs, nesting + 1) if key == "inputs" else _plain(option[key])
        for key in _sorted(option)
        if docs or key not in OPTION_PROSE
    }


def _plain(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A JSON value whose objects are sorted."""
    if depth == 0 and (is_array(value) or is_object(value)):
        raise NotJsonError(_TOO_DEEP)
    if type(value) in _SCALARS or isinstance(value, (str, bool, float)):
        return value
    if isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            raise NotJsonError("it holds a number that is too large")
        return value
    if is_array(value):
        return [item if type(item) in _SCALARS else _plain(item, depth - 1) for item in value]
    if is_object(value):
        return {key: _plain(value[key], depth - 1) for key in _sorted(value)}
    raise NotJsonError(f"it holds a {type(value).__name__}, which is not JSON")


def _sorted(names: Mapping[str, Any]) -> list[str]:
    if all(type(name) is str for name in names):
        return sorted(names)
    return sorted(map(_text, names))


def _text(key: object) -> str:
    if not isinstance(key, str):
        raise NotJsonError(f"it has {key!r:.80} as a name, which is not a string")
    return key


_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_SCALARS: Final = frozenset({str, float, bool, type(None)})
_TOO_DEEP: Final = f"it is nested more than {MAX_DEPTH} deep"
_MAX_BITS: Final = 4096
"""Python refuses to print numbers of many more digits."""
