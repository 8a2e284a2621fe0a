"""Assertions about what a run gave: pictures, texts, files, metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..errors import PromptError
from ..graph.prompt import read_prompt
from ..json_types import is_array, is_object
from ..output_file import ImageFile, NodeOutput, OutputFile
from .golden import difference_lines
from .picture import Picture, loaded_picture
from .query import condition_of, shown_input
from .subject import Looked, Subject

if TYPE_CHECKING:
    from ..client import Result

Outputs: TypeAlias = "Result[Any] | NodeOutput | OutputFile | Iterable[Result[Any] | NodeOutput | OutputFile]"
"""What a run gave: its result, the output of a node, a file, or several of them."""


def assert_images(
    outputs: Outputs | Picture | Iterable[Picture],
    count: int | None = None,
    *,
    size: tuple[int, int] | None = None,
    mode: str | None = None,
    format: str | None = None,  # noqa: A002  # Pillow's word
) -> None:
    """Assert that a run produced images: how many, and their size, mode and format.

    Args:
        outputs: A result, the output of a node, files; or pictures themselves.
        count: How many; by default one or more.
        size: Width and height in pixels.
        mode: Pillow's mode: ``RGB``, ``RGBA``.
        format: Pillow's format: ``PNG``, ``WEBP``.

    Raises:
        AssertionError: It did not.
    """
    __tracebackhide__ = True
    found = list(_pictures_of(outputs))
    _check_count(found, count, "picture", outputs)
    wanted = {"size": size, "mode": mode, "format": format}
    wrong: list[str] = []
    for number, picture in enumerate(found, 1):
        has = _properties(picture)
        name = _named(picture) if isinstance(picture, OutputFile) else f"image {number}"
        for key, value in wanted.items():
            if value is not None and has[key] != value:
                wrong.append(f"  {name} has {key} {_shown(has[key])}, not {_shown(value)}")
    if wrong:
        raise AssertionError(f"of {_counted(len(found), 'picture')}:\n" + "\n".join(wrong))


def assert_files(outputs: Outputs, count: int | None = None, *, media_type: str | None = None) -> None:
    """Assert that a run produced files: how many, and of which kind.

    Args:
        outputs: A result, the output of a node, files.
        count: How many; by default one or more.
        media_type: Only files of this kind count: ``video/mp4``, ``audio/``; its beginning is enough.

    Raises:
        AssertionError: It did not.
    """
    __tracebackhide__ = True
    found = [file for file in files_of(outputs) if file.media_type.startswith(media_type or "")]
    _check_count(found, count, f"{media_type} file" if media_type else "file", outputs)


def assert_text(outputs: Outputs | str, wanted: object) -> None:
    """Assert that a run produced a string.

    Args:
        outputs: A result, the output of a node, or the text.
        wanted: The text, or a condition: ``matching("light")``.

    Raises:
        AssertionError: It produced another, or none.
    """
    __tracebackhide__ = True
    text = outputs if isinstance(outputs, str) else "\n".join(output.text for output in outputs_of(outputs))
    condition = condition_of(wanted)
    if condition.holds(text):
        return
    words = condition.words if callable(wanted) or wanted is condition else shown_input(wanted)
    if not text:
        raise AssertionError(f"the text should be {words}, but there is none")
    raise AssertionError(
        f"the text should be {words} but is {shown_input(text)}{_first_difference(text, wanted)}"
    )


def assert_metadata(picture: Picture, workflow: Looked | None = None, **entries: object) -> None:
    """Assert that an image carries how it was made.

    Args:
        picture: An output, a Pillow image, a file, bytes.
        workflow: Its prompt must be in the picture, up to ids and titles.
        entries: Texts in it by key, as they must be; objects as JSON, or conditions.

    Raises:
        AssertionError: It does not.
    """
    __tracebackhide__ = True
    found = metadata_of(picture)
    if workflow is not None:
        _check_prompt(found, Subject.of(workflow))
    for key, wanted in entries.items():
        condition = condition_of(wanted)
        if key not in found:
            has = ", ".join(map(repr, found)) or "nothing"
            raise AssertionError(f"the image should carry {key!r}; it carries {has}")
        if not condition.holds(found[key]):
            raise AssertionError(
                f"{key!r} of the image should be {condition.words} but is {shown_input(found[key])}"
            )


def metadata_of(picture: Picture) -> dict[str, Any]:
    """The text entries of an image; JSON is parsed.

    Raises:
        AssertionError: It is not a picture that can be read.
    """
    info: Mapping[Any, Any] = loaded_picture(picture).info
    return {
        key: _read(value) for key, value in info.items() if isinstance(key, str) and isinstance(value, str)
    }


def outputs_of(outputs: Outputs) -> list[NodeOutput]:
    """The outputs of nodes in what is given."""
    if isinstance(outputs, NodeOutput):
        return [outputs]
    if isinstance(outputs, OutputFile):
        return []
    by_node: Any = getattr(outputs, "outputs", None)
    if is_object(by_node):
        return list(by_node.values())
    return [output for member in _members(outputs) for output in outputs_of(member)]


def files_of(outputs: Outputs) -> list[OutputFile]:
    """The files in what is given, in the order of their nodes."""
    if isinstance(outputs, OutputFile):
        return [outputs]
    files: Any = getattr(outputs, "files", None)
    if is_array(files):
        return list(files)
    return [file for member in _members(outputs) for file in files_of(member)]


def _members(outputs: Any) -> Iterable[Any]:
    kind = type(outputs).__name__
    if not hasattr(outputs, "__iter__") or kind in ("str", "bytes", "dict"):
        raise TypeError(f"expected the result of a run, got a {kind}")
    members: Iterable[Any] = iter(outputs)
    return members


def _check_count(found: Sequence[object], count: int | None, what: str, outputs: Any) -> None:
    __tracebackhide__ = True
    if len(found) == count or (count is None and found):
        return
    wanted = f"{count} {what}{'' if count == 1 else 's'}" if count is not None else f"a {what}"
    every = _loose_files(outputs)
    shown = "".join(f"\n  {_named(file)}" for file in every)
    its = f"{len(found) or 'none'}. Its files:" if every else f"{len(found) or 'no file at all'}"
    raise AssertionError(f"the run should produce {wanted} but produced {its}{shown}")


def _loose_files(outputs: Any) -> list[OutputFile]:
    """The files in what is given, which may be pictures themselves."""
    if isinstance(outputs, (str, os.PathLike)) or _is_picture(outputs):
        return []
    if isinstance(outputs, OutputFile) or is_array(getattr(outputs, "files", None)):
        return files_of(outputs)
    return [file for member in _members(outputs) for file in _loose_files(member)]


def _pictures_of(outputs: Any) -> Iterator[Picture]:
    if isinstance(outputs, (str, os.PathLike)) or _is_picture(outputs):
        yield outputs
    elif isinstance(outputs, OutputFile) or is_array(getattr(outputs, "files", None)):
        yield from (file for file in files_of(outputs) if isinstance(file, ImageFile))
    else:
        for member in _members(outputs):
            yield from _pictures_of(member)


def _is_picture(value: object) -> bool:
    """Whether a value is a picture itself: the bytes of a file, or a Pillow image."""
    return isinstance(value, bytes) or hasattr(value, "getextrema")


def _properties(picture: Picture) -> dict[str, Any]:
    opened = loaded_picture(picture)
    return {"size": opened.size, "mode": opened.mode, "format": opened.format}


def _named(file: OutputFile) -> str:
    return f"{file.annotated_name} of node #{file.node_id}" if file.node_id else file.annotated_name


def _shown(value: object) -> str:
    if is_array(value):
        return "x".join(map(str, value))
    return str(value)


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _first_difference(text: str, wanted: object) -> str:
    """Where two texts part, for texts that are too long to be seen at a glance."""
    if not isinstance(wanted, str) or max(len(text), len(wanted)) < _LONG:
        return ""
    place = next((at for at, (one, other) in enumerate(zip(text, wanted)) if one != other), None)  # noqa: B905
    place = min(len(text), len(wanted)) if place is None else place
    start = max(0, place - _CONTEXT)
    one, other = text[start : place + _CONTEXT], wanted[start : place + _CONTEXT]
    return f"\n  they differ at character {place}: …{one!r}… should be …{other!r}…"


_LONG: Final = 60
_CONTEXT: Final = 20


def _read(text: str) -> Any:
    """An entry of a picture: JSON if it is some, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _check_prompt(found: Mapping[str, Any], subject: Subject) -> None:
    __tracebackhide__ = True
    from ..diff import diff

    if "prompt" not in found:
        raise AssertionError(
            f"the image does not carry its prompt; it carries {', '.join(found) or 'nothing'}"
        )
    try:
        graph = read_prompt(found["prompt"])
    except PromptError as error:
        raise AssertionError(f"what the image carries as its prompt is not a prompt: {error}") from None
    difference = diff(graph, subject.graph)
    if not difference.runs_the_same:
        lines = "\n".join(difference_lines(difference, subject))
        raise AssertionError(f"the image was not made by {subject.name} as it is now:\n{lines}")
