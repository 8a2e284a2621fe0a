"""What a node gives when it has run: files and texts, typed by the node's class.

A generated output node says which of the classes here it gives: `ImageOutput` for ``SaveImage``.
Only the standard library is imported: every generated module imports this one. How a file is
fetched is a `FileSource`, which the client hands in.
"""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Protocol

from .embedded_text import embedded_values
from .json_types import array_or_empty, is_array, is_object, text_or_empty

if TYPE_CHECKING:
    from PIL.Image import Image

VIDEO_SUFFIXES: Final = frozenset({".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v"})


class FileSource(Protocol):
    """Where the bytes of output files come from: a client."""

    def read_file(self, file: OutputFile) -> bytes:
        """All bytes of a file."""
        ...

    def save_file(self, file: OutputFile, path: Path) -> Path:
        """Write a file to exactly this path; returns it."""
        ...

    def url_of(self, file: OutputFile) -> str:
        """The address at which the server shows the file, without credentials."""
        ...


class OutputFile:
    """One file that a node has written on the server.

    Args:
        name: The file's name on the server.
        subfolder: The folder below the server's `type` folder, or ``""``.
        type: Which of the server's folders: ``output``, ``temp`` or ``input``.
        key: Under which key the node gave it: ``images``, ``audio``, ``latents``, ….
        node_id: The node in the prompt.
        prompt_id: The prompt.
        source: Fetches the bytes, or None where `data` has them.
        data: The bytes, for what came over the socket and is no file on the server.
        info: What else the server says of it (``format``, ``frame_rate``, an asset id, …).
    """

    __slots__ = ("_data", "_source", "info", "key", "name", "node_id", "prompt_id", "subfolder", "type")

    def __init__(
        self,
        name: str,
        subfolder: str = "",
        type: str = "output",  # noqa: A002  # the server's word
        *,
        key: str = "files",
        node_id: str = "",
        prompt_id: str = "",
        source: FileSource | None = None,
        data: bytes | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.subfolder = subfolder
        self.type = type
        self.key = key
        self.node_id = node_id
        self.prompt_id = prompt_id
        self.info: Mapping[str, Any] = info or {}
        self._source = source
        self._data = data

    @property
    def media_type(self) -> str:
        """What kind of file it is by its name: ``image/png``; ``application/octet-stream`` if unknown."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def url(self) -> str:
        """Where the server shows it, without credentials; ``""`` for what is no file on the server."""
        return self._source.url_of(self) if self._source is not None and self._data is None else ""

    @property
    def annotated_name(self) -> str:
        """How an input such as ``LoadImage.image`` names this file: ``sub/a.png [output]``."""
        path = f"{self.subfolder}/{self.name}" if self.subfolder else self.name
        return f"{path} [{self.type}]"

    @property
    def loaded(self) -> bool:
        """Whether the bytes are here already."""
        return self._data is not None

    def bytes(self) -> bytes:
        """The whole file. It is not kept: a second call fetches it again.

        Raises:
            DownloadError: It did not arrive whole.
            ClientError: The server has it no more, or the file belongs to an `AsyncClient`:
                there, ``await client.read(file)``.
        """
        if self._data is not None:
            return self._data
        return self._fetcher().read_file(self)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the file carries beside its content: ``prompt`` and ``workflow``, as JSON values.

        The file is fetched for it. Read from PNG, latents and other safetensors; of other kinds
        nothing is known.
        """
        return embedded_values(self.bytes())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file; a download that breaks off goes on where it stopped.

        Args:
            path: The file to write, or a folder that exists, in which it gets its own name.
                Folders above the file are made.

        Returns:
            The file that was written.

        Raises:
            DownloadError: It did not arrive whole.
        """
        target = Path(path)
        if target.is_dir():
            target /= clean_name(self.name)
        if self._data is None:
            return self._fetcher().save_file(self, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self._data)
        return target

    def _fetcher(self) -> FileSource:
        if self._source is None:
            raise FileNotFoundError(f"{self.name} belongs to no client, so it cannot be fetched")
        return self._source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OutputFile) and other._identity == self._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[object, ...]:
        return (self.type, self.subfolder, self.name, self.prompt_id, self.node_id, self._data)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.annotated_name}>"


class ImageFile(OutputFile):
    """A picture; animated ones too."""

    __slots__ = ()

    def pil(self) -> Image:
        """The picture as a Pillow image, read completely.

        Raises:
            ImportError: Pillow is not installed (``pip install comfyflow-dsl[images]``).
            PIL.UnidentifiedImageError: By its first bytes it is no picture.
            BoundsError: What it carries beside the picture is larger than it may be.
            DownloadError: It did not arrive whole.
        """
        from .container import open_picture

        picture = open_picture(self.bytes())
        picture.load()
        return picture


class AudioFile(OutputFile):
    """A sound."""

    __slots__ = ()


class VideoFile(OutputFile):
    """A video."""

    __slots__ = ()


class LatentFile(OutputFile):
    """A latent, as safetensors."""

    __slots__ = ()


class Model3DFile(OutputFile):
    """A 3D model (GLB, OBJ, …)."""

    __slots__ = ()


def clean_name(name: str) -> str:
    """A server's file name as the name of a file in a folder of ours.

    A server is not to choose where we write: of a path only the last part is kept, and what some
    system does not take in a name (separators, drives, control characters, ``con``, a dot at the
    end), or does not show as what it is (marks that turn the writing direction), is replaced.
    """
    last = re.split(r"[/\\]", name)[-1]
    cleaned = _END.sub("", _UNFIT.sub("_", last).lstrip())
    if len(cleaned.encode()) > _LONGEST:
        stem, dot, suffix = cleaned.rpartition(".")
        cleaned = _END.sub("", f"{stem[:40]}.{suffix[:8]}" if dot and stem else cleaned[:48])
    if not cleaned:
        return "file"
    return f"_{cleaned}" if cleaned.split(".")[0].rstrip().upper() in _RESERVED else cleaned


_UNFIT: Final = re.compile(
    '[\x00-\x1f\x7f-\x9f<>:"|?*\ud800-\udfff\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]'
)
"""What no name is to have; half of a surrogate pair could not be written at all."""
_END: Final = re.compile(r"[\s.]+\Z")
_LONGEST: Final = 200
"""Bytes; a file system takes 255, and a partial file's name is longer."""
_RESERVED: Final = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{port}{number}" for port in ("COM", "LPT") for number in "123456789¹²³"}
)
"""Names that are devices on Windows, whatever follows the dot."""


class NodeOutput:
    """What one node gave.

    Args:
        raw: What the server says that it gave: lists by key.
        node_id: The node in the prompt.
        prompt_id: The prompt.
        source: Fetches the files.
        extra: Files that came over the socket and are no files on the server.
    """

    __slots__ = ("files", "node_id", "prompt_id", "raw")

    def __init__(
        self,
        raw: Mapping[str, Any] | None = None,
        node_id: str = "",
        prompt_id: str = "",
        source: FileSource | None = None,
        extra: tuple[OutputFile, ...] = (),
    ) -> None:
        self.raw: Mapping[str, Any] = raw or {}
        self.node_id = node_id
        self.prompt_id = prompt_id
        self.files: tuple[OutputFile, ...] = (*_files(self.raw, node_id, prompt_id, source), *extra)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts, as the node gave them, one an execution."""
        return tuple(text for text in array_or_empty(self.raw.get("text")) if isinstance(text, str))

    @property
    def text(self) -> str:
        """All text, a line a text.

        A server turns a node's bare string into a list of its characters; they are put together
        again.
        """
        texts = self.texts
        single = len(texts) > 1 and all(len(text) == 1 for text in texts)
        return ("" if single else "\n").join(texts)

    def __repr__(self) -> str:
        what = ", ".join(file.annotated_name for file in self.files) or f"{self.text!r:.60}"
        return f"<{type(self).__name__} of node {self.node_id}: {what}>"


class ImageOutput(NodeOutput):
    """Pictures: what ``SaveImage`` and ``PreviewImage`` give."""

    __slots__ = ()

    @property
    def images(self) -> tuple[ImageFile, ...]:
        """The pictures, in the order of the batch."""
        return tuple(file for file in self.files if isinstance(file, ImageFile))

    @property
    def animated(self) -> bool:
        """Whether the node says that what it made moves."""
        return any(flag is True for flag in array_or_empty(self.raw.get("animated")))


class AudioOutput(NodeOutput):
    """Sounds: what ``SaveAudio`` gives."""

    __slots__ = ()

    @property
    def audio(self) -> tuple[AudioFile, ...]:
        """The sounds."""
        return tuple(file for file in self.files if isinstance(file, AudioFile))


class VideoOutput(NodeOutput):
    """Videos: what ``SaveVideo`` and ``SaveWEBM`` give."""

    __slots__ = ()

    @property
    def videos(self) -> tuple[VideoFile, ...]:
        """The videos."""
        return tuple(file for file in self.files if isinstance(file, VideoFile))


class TextOutput(NodeOutput):
    """Text: what ``PreviewAny`` gives, in `text` and `texts`."""

    __slots__ = ()


class LatentOutput(NodeOutput):
    """Latents: what ``SaveLatent`` gives."""

    __slots__ = ()

    @property
    def latents(self) -> tuple[LatentFile, ...]:
        """The latents."""
        return tuple(file for file in self.files if isinstance(file, LatentFile))


class Model3DOutput(NodeOutput):
    """3D models: what ``SaveGLB`` and ``Preview3D`` give."""

    __slots__ = ()

    @property
    def models(self) -> tuple[Model3DFile, ...]:
        """The models."""
        return tuple(file for file in self.files if isinstance(file, Model3DFile))

    @property
    def camera(self) -> Mapping[str, Any] | None:
        """The camera of a preview, where the node gives one."""
        shown = array_or_empty(self.raw.get("result"))
        return next((entry for entry in shown[1:] if is_object(entry)), None)


_CLASSES: Final[Mapping[str, type[OutputFile]]] = {
    "images": ImageFile,
    "gifs": ImageFile,
    "audio": AudioFile,
    "video": VideoFile,
    "videos": VideoFile,
    "latents": LatentFile,
    "3d": Model3DFile,
}


def _files(
    raw: Mapping[str, Any], node_id: str, prompt_id: str, source: FileSource | None
) -> Iterator[OutputFile]:
    for key, values in raw.items():
        if not is_array(values):
            continue
        for value in values:
            if is_object(value) and isinstance(value.get("filename"), str):
                yield _file(key, value, node_id, prompt_id, source)
    shown = raw.get("result")
    if is_array(shown) and shown and isinstance(shown[0], str) and shown[0]:
        path = PurePosixPath(shown[0].replace("\\", "/"))
        yield Model3DFile(
            path.name,
            str(path.parent) if path.parent.name else "",
            key="result",
            node_id=node_id,
            prompt_id=prompt_id,
            source=source,
        )


def _file(
    key: str, value: Mapping[str, Any], node_id: str, prompt_id: str, source: FileSource | None
) -> OutputFile:
    name = value["filename"]
    kind = _CLASSES.get(key, OutputFile)
    if kind in (ImageFile, OutputFile) and PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES:
        kind = VideoFile
    return kind(
        name,
        text_or_empty(value.get("subfolder")),
        text_or_empty(value.get("type")) or "output",
        key=key,
        node_id=node_id,
        prompt_id=prompt_id,
        source=source,
        info={name: entry for name, entry in value.items() if name not in ("filename", "subfolder", "type")},
    )
