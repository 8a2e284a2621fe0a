"""What IPython and Jupyter show: problems, and files as they are.

Texts of servers and files become HTML here alone, escaped.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from .errors import ComfyflowError
    from .output_file import NodeOutput, OutputFile
    from .problem import Problem


class Printer(Protocol):
    """What IPython hands in to be written to."""

    def text(self, text: str) -> None:
        """Write a string."""
        ...


_Fetched: TypeAlias = "dict[int, bytes | ComfyflowError]"
"""What was fetched, by the id of the file's object; an error, where that failed."""

_ReadShown: TypeAlias = "Callable[[Sequence[OutputFile], int], Sequence[bytes | ComfyflowError]]"
"""What an `AsyncClient` has for files, each with at most that many bytes."""


def pretty_text(self: object, printer: Printer, cycle: bool) -> None:  # noqa: ARG001  # IPython's
    """The ``_repr_pretty_`` of text meant for reading: not how many problems it has.

    A class has it itself: IPython takes a ``__repr__`` of a class before what its bases have.
    """
    printer.text(str(self))


_ELEMENTS: Final = {
    "image/png": '<img alt="{name}" style="max-width:100%" src="data:{kind};base64,{data}">',
    "audio/mpeg": '<audio controls title="{name}" src="data:{kind};base64,{data}"></audio>',
    "video/mp4": '<video controls title="{name}" src="data:{kind};base64,{data}"></video>',
}
"""How a file is shown, by a kind of its sort."""
_SHOWN: Final = {
    **dict.fromkeys(("image/png", "image/jpeg", "image/webp", "image/gif"), "image/png"),
    **dict.fromkeys(
        ("audio/mpeg", "audio/flac", "audio/x-flac", "audio/ogg", "audio/wav", "audio/x-wav"), "audio/mpeg"
    ),
    **dict.fromkeys(("video/mp4", "video/webm"), "video/mp4"),
}
"""The kinds that a browser only shows; an SVG is not one of them."""
_NOT_SHOWN: Final = "{name}: {size} bytes, too large to show here; save() writes the file"
_MOST_FILES: Final = 24
LARGEST_SHOWN: Final = 32 * 1024 * 1024
"""How many bytes of a file a notebook gets."""


def _escaped(text: str) -> str:
    from html import escape  # with it come thousands of names, and only a notebook shows HTML

    return escape(text)


def text_html(value: object) -> str:
    """A string as HTML, its lines kept."""
    return f"<pre>{_escaped(str(value))}</pre>"


def problems_html(problems: Iterable[Problem]) -> str:
    """A table of problems; nothing where there are none."""
    rows = [
        f"<tr><td>{_escaped(one.severity)}</td><td>{_escaped(_where(one))}</td>"
        f"<td style='text-align:left'>{_escaped(one.message)} {_escaped(one.suggestion or '')}</td></tr>"
        for one in problems
    ]
    head = "<tr><th>severity</th><th>where</th><th>what</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>" if rows else ""


def _where(problem: Problem) -> str:
    node = f"{problem.class_type or 'node'} #{problem.node_id}" if problem.node_id is not None else ""
    parts = (str(problem.place or ""), node, problem.input_name)
    return ", ".join(part for part in parts if part)


def file_html(file: OutputFile) -> str:
    """A file as a browser shows it, fetched for it; its name, where it is of neither kind."""
    return _file_html(file, _fetched([file]))


def output_html(output: NodeOutput) -> str:
    """What a node gave: its files and its texts."""
    shown = output.files[:_MOST_FILES]
    return "".join(_parts(output, len(shown), _fetched(shown))) or text_html(repr(output))


def outputs_html(outputs: Mapping[str, NodeOutput], otherwise: str) -> str:
    """What several nodes gave, each under its id.

    Args:
        outputs: What they gave.
        otherwise: What to show if there is nothing.
    """
    left, parts = _MOST_FILES, list[str]()
    fetched = _fetched([file for output in outputs.values() for file in output.files][:_MOST_FILES])
    for node_id, output in outputs.items():
        found = _parts(output, left, fetched)
        left = max(0, left - len(output.files))
        parts += [f"<div><b>#{_escaped(node_id)}</b></div>", *found] if found else []
    return "".join(parts) or text_html(otherwise)


def _parts(output: NodeOutput, most: int, fetched: _Fetched) -> list[str]:
    """The files of an output, up to a limit, and its text."""
    parts = [_file_html(file, fetched) for file in output.files[:most]]
    rest = len(output.files) - len(parts)
    if rest:
        parts.append(text_html(f"… {rest} more files"))
    if output.text:
        parts.append(text_html(output.text))
    return parts


def _fetched(files: Sequence[OutputFile]) -> _Fetched:
    """The files of clients that fetch them otherwise than by ``bytes()``, all of a client at once."""
    groups: dict[int, tuple[_ReadShown, list[OutputFile]]] = {}
    for file in files:
        read: _ReadShown | None = getattr(file._source, "_read_shown", None)
        if read is not None and file.media_type in _SHOWN and not file.loaded:
            groups.setdefault(id(file._source), (read, []))[1].append(file)
    found: _Fetched = {}
    for read, group in groups.values():
        found.update(zip(map(id, group), read(group, LARGEST_SHOWN), strict=True))
    return found


def _file_html(file: OutputFile, fetched: _Fetched) -> str:
    from .errors import ComfyflowError

    kind = file.media_type
    if kind not in _SHOWN:
        return text_html(file)
    try:
        data = fetched[id(file)] if id(file) in fetched else file.bytes()
    except ComfyflowError as error:
        data = error
    if not isinstance(data, bytes):
        return text_html(f"{file}: {data}")
    if len(data) > LARGEST_SHOWN:
        return text_html(_NOT_SHOWN.format(name=file.annotated_name, size=len(data)))
    coded = b2a_base64(data, newline=False).decode("ascii")
    return _ELEMENTS[_SHOWN[kind]].format(name=_escaped(file.annotated_name), kind=kind, data=coded)
