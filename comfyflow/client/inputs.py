"""Files given to nodes such as ``LoadImage``: uploaded, and named as the server names them.

Which inputs take a file is a matter of types: the schema knows, or the server does for a class that is not in
the schema. Only the server knows whether a file is there now, so it is asked.

- A path object, bytes, a picture, or a file of an earlier run is used as it is.
- A string that names a local file means that file. If the server has a different one under that name, the
  local file is uploaded under another name, and this is reported. ``photo.png [input]`` always means the
  server's.
- Any other string means a file on the server. If it is missing, the prompt is not sent.
- For paths in a workflow file (prompt JSON, the editor's JSON), only files below the current folder are
  uploaded, of the kinds that the inputs take; others need the user's permission.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ..dynamic import unfold_inputs
from ..errors import ClientError
from ..graph.prompt import is_wrapped, sources_of, unwrapped, wrapped
from ..graph.walk import upstream
from ..input_file import (
    InputFile,
    UploadedFile,
    bare_name,
    content_digest,
    is_annotated,
    is_file,
    is_plain_path,
)
from ..json_types import is_array, is_list, object_or_empty, text_or_empty
from ..nearest import nearest
from ..schema import InputSchema, NodeSchema, Schema
from ..schema.installed_files import is_media_file, takes_file
from ..source import Input, Source
from ..validate.server_error import CUSTOM_VALIDATION_FAILED, ErrorEntry, Explained
from .api_v2_assets import asset_of
from .backend import Input as FilePlace
from .core import Core
from .flow import Flow, Gather, Tell
from .routes.file_routes import read
from .routes.node_class_routes import class_infos

_AT_ONCE: Final = 8


_LONGEST: Final = 4096
"""A longer string is not a path."""


_MESHES: Final = frozenset({".gltf", ".glb", ".obj", ".fbx", ".stl", ".spz", ".splat", ".ply", ".ksplat"})


_LOG: Final = logging.getLogger("comfyflow.uploads")


@dataclass(frozen=True)
class Upload:
    """A file sent to the server.

    Attributes:
        node_id: The node that wants it.
        input_name: Its input.
        file: The file: a path, or a description.
        reference: How the prompt names it now.
        note: What the user should know about it, or ``""``.
    """

    node_id: str
    input_name: str
    file: str
    reference: str
    note: str = ""

    def __str__(self) -> str:
        return f"uploaded {self.file} as {self.reference}" + (f": {self.note}" if self.note else "")


OnUpload = Callable[[Upload], object]


@dataclass
class Uploaded:
    """The result of resolving a prompt's files.

    Attributes:
        prompt: The prompt with the server's names.
        uploads: The uploads.
        errors: Files that were not found or must not be sent, by node.
        assets: The ids of files that are assets, by their place in the prompt.
    """

    prompt: Mapping[str, Any]
    uploads: list[Upload] = field(default_factory=list[Upload])
    errors: dict[str, list[ErrorEntry]] = field(default_factory=dict[str, list[ErrorEntry]])
    assets: dict[FilePlace, str] = field(default_factory=dict[FilePlace, str])


@dataclass(frozen=True)
class _GivenFile:
    """A file in an input.

    Attributes:
        node_id: The node.
        name: The input.
        index: The index in a list of files, or None.
        file: What was given, or None for a string.
        text: How the prompt names it.
        entry: The input in the schema; None if the class is unknown.
        own: Whether the user gave it directly.
        takes: Whether the input may take a file at all.
    """

    node_id: str
    name: str
    index: int | None
    file: InputFile | None
    text: str
    entry: InputSchema | None
    own: bool
    takes: bool


def upload_inputs(
    core: Core,
    source: Source,
    schema: Schema | None,
    *,
    allow: bool = False,
    targets: Sequence[str] | None = None,
    look: bool = True,
    on_upload: OnUpload | None = None,
) -> Flow[Uploaded]:
    """Upload the files that a prompt names, and name them as the server does.

    Nothing is uploaded if one is missing. Each file is uploaded once per client, by content.

    Args:
        core: The client.
        source: What is run.
        schema: Says which inputs take files; for other classes the server is asked.
        allow: Whether files named in a workflow file may be anywhere on this computer.
        targets: The output nodes that are run; None for all.
        look: Whether to ask the server for files that are not found locally.
        on_upload: Called with each finished upload; without it, uploads are logged.
    """
    classes = yield from _classes(core, source, schema)
    uses = [use for use in _uses(source, classes) if use.file is not None or use.text]
    done = Uploaded(source.prompt)
    if not uses:
        return done
    needed = _needed(source.prompt, classes, targets)
    uses = [use for use in uses if needed is None or use.node_id in needed]
    here: list[tuple[_GivenFile, InputFile]] = []
    elsewhere: list[_GivenFile] = []
    for use in uses:
        file = _here(core, use, allow)
        if file is not None:
            here.append((use, file))
        elif use.file is None and (use.entry is None or use.entry.upload is not None):
            elsewhere.append(use)  # a class without an upload flag may take more than files
    for use, file in here:
        _refuse_unfit(done, use, file)
    if look:
        yield from _look(core, source, elsewhere, allow, done)
    if done.errors:
        return done
    for use in uses:
        if asset_id := asset_of(use.file):
            done.assets[use.node_id, use.name, use.index] = asset_id
    for use, file in here:
        yield from _send(core, use, file, done, on_upload)
    return done


def upload_once(
    core: Core, file: InputFile, kind: str = "input", subfolder: str = ""
) -> Flow[tuple[UploadedFile, bool]]:
    """Upload a file, if this client has not yet uploaded one of the same name and content.

    After the socket was closed it is uploaded again: the server may be a different one by then. A server that
    has the file keeps its own.

    Args:
        core: The client.
        file: The file.
        kind: Which of the server's folders.
        subfolder: The folder below.

    Returns:
        The server's name for it, and whether it was sent now.

    Raises:
        ClientError: It cannot be read.
    """
    content = file.content
    if content is None and file.origin is not None:
        foreign = _is_of_another(core, file)
        content = file.origin.bytes() if foreign else (yield from read(core, file.origin))
    if content is None:
        raise ClientError(f"{file.shown} cannot be uploaded: nothing here has its bytes")
    key = (core.hub.connections, f"{kind}/{subfolder}/{file.name}", _digest(content))
    known: UploadedFile | None = core.uploads.get(key)
    if known is not None:
        return known, False
    known = yield from core.recognition.likely.upload(core, content, file.name, kind, subfolder)
    core.uploads[key] = known
    return known, True


def _classes(
    core: Core, source: Source, schema: Schema | None
) -> Flow[Callable[[object], NodeSchema | None]]:
    """What is known about node classes: from the schema, and from the server where it may matter."""
    strange = {
        class_type
        for node_id, node in source.prompt.items()
        if (class_type := text_or_empty(object_or_empty(node).get("class_type")))
        and (schema is None or class_type not in schema)
        and any(_may_be_file(value) for value in _values(source, node_id, node))
    }
    infos = yield from class_infos(core, sorted(strange))
    asked = Schema({name: info for name, info in infos.items() if info is not None}, "0.27.0", "the server")

    def find(class_type: object) -> NodeSchema | None:
        known = schema.get(class_type) if schema is not None else None
        return known if known is not None else asked.get(class_type)

    return find


def _values(source: Source, node_id: str, node: object) -> Iterator[Any]:
    for name in object_or_empty(object_or_empty(node).get("inputs")):
        value = source.value(node_id, name)
        yield from value if is_array(value) else (value,)


def _may_be_file(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST and (is_media_file(bare_name(value)) or _is_file(value))
    return InputFile.of(value) is not None if not isinstance(value, (int, float, dict, list)) else False


def _uses(source: Source, classes: Callable[[object], NodeSchema | None]) -> Iterator[_GivenFile]:
    for node_id, node in source.prompt.items():
        entry = object_or_empty(node)
        inputs = object_or_empty(entry.get("inputs"))
        known = classes(entry.get("class_type"))
        takes: Mapping[str, InputSchema] = {} if known is None else _file_inputs(known, inputs)
        for name, wire in inputs.items():
            declared = takes.get(name)
            if declared is None and isinstance(wire, (int, float, type(None))):
                continue
            if is_list(wire) and len(wire) == 2 and isinstance(wire[0], str) and isinstance(wire[1], int):
                continue
            yield from _in_input(source, (node_id, name), wire, declared, known is None)


def _in_input(
    source: Source, place: Input, wire: Any, declared: InputSchema | None, unknown: bool
) -> Iterator[_GivenFile]:
    """The files in one input; a list of files has several."""
    given = source.value(*place)
    inner = unwrapped(wire) if is_wrapped(wire) else None
    texts: Sequence[Any] = inner if is_list(inner) else [wire]
    values: Sequence[Any] = given if is_array(given) and is_list(inner) else [given]
    if len(values) != len(texts):
        values = texts
    for index, (value, text) in enumerate(zip(values, texts, strict=True)):
        if not isinstance(text, str):
            continue
        file = InputFile.of(value)
        if file is not None and isinstance(file.content, Path) and declared is None and not unknown:
            continue  # a path where a string is expected
        if file is None and (declared is None or _is_fixed_choice(declared, text)):
            continue
        own = file is not None or source.is_own(*place)
        yield _GivenFile(
            *place,
            index if is_list(inner) else None,
            file,
            text,
            declared,
            own,
            declared is not None or unknown,
        )


def _is_fixed_choice(entry: InputSchema, text: str) -> bool:
    """Whether a string is a choice that is not a file, such as ``none``."""
    return text in (entry.choices or ()) and not is_media_file(bare_name(text))


def _file_inputs(known: NodeSchema, inputs: Mapping[str, Any]) -> Mapping[str, InputSchema]:
    """The inputs of a node that take a file."""
    if any(entry.is_dynamic for entry in known.inputs):
        return {entry.name: entry for entry in unfold_inputs(known.inputs, inputs) if takes_file(entry)}
    return {entry.name: entry for entry in known.inputs if takes_file(entry)}


def _needed(
    prompt: Mapping[str, Any],
    classes: Callable[[object], NodeSchema | None],
    targets: Sequence[str] | None,
) -> set[str] | None:
    """The nodes that some output needs; the server ignores the others."""
    sources: dict[str, list[str]] = {}
    roots: list[str] = []
    for node_id, node in prompt.items():
        entry = object_or_empty(node)
        sources[node_id] = sources_of(node)
        known = classes(entry.get("class_type"))
        if known is None or known.is_output_node:
            roots.append(node_id)
    wanted = roots if targets is None else [node_id for node_id in targets if node_id in prompt]
    return upstream(wanted, sources)


def _here(core: Core, use: _GivenFile, allow: bool) -> InputFile | None:
    """The local file to upload, or None."""
    if use.file is not None:
        sent = use.file.content is not None or _is_of_another(core, use.file) or _is_output(core, use.file)
        return use.file if sent else None
    if use.entry is not None and not use.entry.is_combo and not is_media_file(use.text):
        return None  # a string that may be a file according to the server
    if is_annotated(use.text) or not _is_file(use.text) or not _may_be_sent(use, allow):
        return None
    return InputFile.of(Path(use.text))


def _is_of_another(core: Core, file: InputFile) -> bool:
    """Whether it is a file on a server other than the one that runs the prompt."""
    owner = file.origin._source if file.origin is not None else None
    return getattr(owner, "url", core.address.url) != core.address.url


def _is_output(core: Core, file: InputFile) -> bool:
    """Whether it is an output on a server where outputs cannot be inputs, though both are assets.

    comfy-api-proxy (0.1.6) drops the folder of an output that is used as an input, so ComfyUI looks for it
    among its inputs.
    """
    return file.origin is not None and not core.recognition.likely.has_folders


def _may_be_sent(use: _GivenFile, allow: bool) -> bool:
    """Whether the user has allowed the upload, or need not."""
    if use.own or allow:
        return True
    if not is_plain_path(use.text) or not is_media_file(use.text):
        return False
    folder = Path.cwd().resolve()
    return folder in Path(use.text).resolve().parents


def _refuse_unfit(done: Uploaded, use: _GivenFile, file: InputFile) -> None:
    """Report what cannot be sent: an input that takes no file, a path without a file."""
    if not use.takes:
        _err(done, use, f"does not take a file, but was given {file.shown}")
    if isinstance(file.content, Path) and not file.content.is_file():
        why = "it is a folder" if file.content.is_dir() else "file not found"
        _err(done, use, f"names {file.shown!r}, which cannot be read: {why} ({_absolute(file.shown)})")


def _look(core: Core, source: Source, uses: Sequence[_GivenFile], allow: bool, done: Uploaded) -> Flow[None]:
    """Find the files that the server does not have; unknown cases pass."""
    texts = list(dict.fromkeys(use.text for use in uses))
    if not texts:
        return
    has_file = core.recognition.likely.has_file
    answers = yield Gather([has_file(core, text) for text in texts], _AT_ONCE)
    there = dict(zip(texts, answers, strict=True))
    lost = [use for use in uses if there[use.text] is False]
    names = {text_or_empty(source.prompt[use.node_id].get("class_type")) for use in lost}
    infos = yield from class_infos(core, sorted(names), anew=True)
    asked = Schema({name: info for name, info in infos.items() if info is not None}, "0.27.0", "the server")
    for use in lost:
        node = source.prompt[use.node_id]
        known: NodeSchema | None = asked.get(node.get("class_type"))
        found = _file_inputs(known, node.get("inputs", {})).get(use.name) if known is not None else None
        choices = found.choices if found is not None else None
        if choices is None or use.text in choices:
            continue
        listed = [choice for choice in choices if isinstance(choice, str)]
        _err(done, use, _nowhere(core, use, allow, listed))


def _nowhere(core: Core, use: _GivenFile, allow: bool, listed: Sequence[str]) -> str:
    where = f"which the server ({core.address.url}) does not have"
    if is_annotated(use.text):
        return f"names {use.text!r}, {where}"
    if _is_file(use.text) and not _may_be_sent(use, allow):
        return (
            f"names {use.text!r}, {where}. That file exists here, but the path comes from the "
            "workflow, not from you, so it is not uploaded without your permission: --allow-upload on the "
            "command line, allow_upload=True in Python, or give the path yourself"
        )
    near = nearest(use.text, [*listed, *_neighbours(use.text)])
    hint = f"; did you mean {near!r}?" if near is not None else ""
    return f"names {use.text!r}, {where}, and there is no file {_absolute(use.text)} here{hint}"


def _neighbours(text: str) -> list[str]:
    """The local files next to the one that a string names, as it would name them."""
    folder = Path(text).parent
    try:
        return [
            str(entry if str(folder) != "." else entry.name) for entry in folder.iterdir() if entry.is_file()
        ]
    except (OSError, ValueError):
        return []


def _absolute(text: str) -> str:
    try:
        return str(Path(text).absolute())
    except (OSError, ValueError):
        return repr(text)


def _send(
    core: Core, use: _GivenFile, file: InputFile, done: Uploaded, on_upload: OnUpload | None
) -> Flow[None]:
    kind = text_or_empty(use.entry.options.get("image_folder")) if use.entry is not None else ""
    is_mesh = use.entry is not None and use.entry.upload == "file" and _suffix(file.name) in _MESHES
    kind = kind if kind in ("input", "output", "temp") else "input"
    sent, now = yield from upload_once(core, file, kind, "3d" if is_mesh else "")
    done.prompt = _replaced(done.prompt, use, sent.reference)
    if sent.asset_id:
        done.assets[use.node_id, use.name, use.index] = sent.asset_id
    if not now:
        return
    note = ""
    if sent.name != file.name and isinstance(file.content, Path):
        folder = "3d/" if is_mesh else ""
        note = f"the server has another file {folder}{file.name}; the one here is used"
        if use.file is None:
            note += f" (write '{folder}{file.name} [{kind}]' for the server's)"
    upload = Upload(use.node_id, use.name, file.shown, sent.reference, note)
    done.uploads.append(upload)
    if on_upload is not None:
        yield Tell(on_upload, upload)
    else:
        _LOG.log(logging.WARNING if note else logging.INFO, "%s", upload)


def _replaced(prompt: Mapping[str, Any], use: _GivenFile, reference: str) -> Mapping[str, Any]:
    node = prompt[use.node_id]
    value: Any = reference
    if use.index is not None:
        listed = list(unwrapped(node["inputs"][use.name]))
        listed[use.index] = reference
        value = wrapped(listed)
    return {**prompt, use.node_id: {**node, "inputs": {**node["inputs"], use.name: value}}}


def _err(done: Uploaded, use: _GivenFile, message: str) -> None:
    error = ErrorEntry(
        CUSTOM_VALIDATION_FAILED,
        "Custom validation failed for node",
        f"{use.name} - Invalid file: {use.text}",
        {"input_name": use.name},
        Explained(message),
    )
    done.errors.setdefault(use.node_id, []).append(error)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _is_file(text: str) -> bool:
    return bool(text) and len(text) <= _LONGEST and is_file(text)


def _digest(content: bytes | Path) -> str:
    try:
        return content_digest(content, hashlib.sha256())
    except OSError as error:
        raise ClientError(f"cannot read {content!s} to upload it: {error.strerror or error}") from None
