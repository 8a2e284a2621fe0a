"""What a node produces: files and strings, typed by the node's class.

A generated output node says which of the classes here it gives: `ImageOutput` for ``SaveImage``.
Only the standard library is imported: every generated module imports this one. How a file is
fetched is a `FileSource`, which the client hands in.
"""

from __future__ import annotations

import builtins
import mimetypes
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from posixpath import splitext
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from .json_types import array_or_empty, is_array, is_object, text_or_empty, texts_in
from .located import Copied, PassedOn
from .saved_file import SavedFile

if TYPE_CHECKING:
    from PIL.Image import Image


class FileSource(Protocol):
    """Where the bytes of output files come from: a client."""

    def read_file(self, file: OutputFile) -> bytes:
        """All bytes of a file."""
        ...

    def save_file(self, file: OutputFile, path: Path) -> Path:
        """Write a file to exactly this path; returns it."""
        ...

    async def _aread_file(self, file: OutputFile) -> bytes:
        """All bytes of a file, without blocking."""
        ...

    async def _asave_file(self, file: OutputFile, path: Path) -> Path:
        """Write a file to exactly this path, without blocking; returns it."""
        ...

    def url_of(self, file: OutputFile) -> str:
        """The address at which the server shows the file, without credentials."""
        ...


class OutputFile(Copied):
    """One file that a node has written on the server.

    A copy has the same client; a pickle has none, and of the bytes only what is `loaded`.

    Args:
        name: The file's name on the server.
        subfolder: The folder below the server's `type` folder, or ``""``.
        type: Which of the server's folders: ``output``, ``temp`` or ``input``.
        key: Under which key the node gave it: ``images``, ``audio``, ``latents``, ….
        node_id: The node in the prompt.
        prompt_id: The prompt.
        source: Fetches the bytes, or None if `data` has them.
        data: The bytes, for what came over the socket and is not a file on the server.
        info: What else the server says about it (``format``, ``frame_rate``, an asset id, …).
    """

    __slots__ = ("_data", "_source", "info", "key", "name", "node_id", "prompt_id", "subfolder", "type")
    _shared: ClassVar[frozenset[str]] = frozenset({"_source"})

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
        self.name: str = name
        self.subfolder: str = subfolder
        self.type: str = type
        self.key: str = key
        self.node_id: str = node_id
        self.prompt_id: str = prompt_id
        self.info: Mapping[str, Any] = info or {}
        self._source: FileSource | PassedOn | None = source
        self._data = data

    @property
    def media_type(self) -> str:
        """What kind of file it is by its name: ``image/png``; ``application/octet-stream`` if unknown."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def url(self) -> str:
        """Where the server shows it, without credentials; ``""`` for what is not a file on the server."""
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
            DownloadError: It did not arrive in full.
            ClientError: The server no longer has it, or the file belongs to an `AsyncClient`
                (there, ``await file.aread()``) or, after it was pickled, to no client at all
                (there, ``client.read(file)``).
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
        from .embedded_text import embedded_values

        return embedded_values(self.bytes())

    def save(self, path: str | os.PathLike[str], *, overwrite: bool | None = None) -> Path:
        """Write the file; a download that breaks off continues where it stopped.

        Nothing is written through a symbolic link: one of that name is replaced or kept as a
        file is.

        Args:
            path: The file to write, or a folder, in which it gets its own name. A folder is one
                that exists, or that ends with a ``/``. Folders above the file are made.
            overwrite: Whether a file of that name is replaced. By default one that you name is;
                in a folder it is not, and the new file gets a number: ``a (1).png``.

        Returns:
            The file that was written.

        Raises:
            DownloadError: It did not arrive in full; or `overwrite` is False and there is a file.
            SaveError: It cannot be written here; an `OSError` too.
        """
        with SavedFile.at(path, self.name, overwrite) as saved:
            if self._data is None:
                self._fetcher().save_file(self, saved.partial)
            else:
                saved.partial.write_bytes(self._data)
        return saved.path

    async def aread(self) -> builtins.bytes:
        """The whole file, without blocking the event loop; what `bytes` is where one can wait.

        Raises:
            DownloadError: It did not arrive in full.
            ClientError: The server no longer has it.
        """
        return self._data if self._data is not None else await self._fetcher()._aread_file(self)

    async def asave(self, path: str | os.PathLike[str], *, overwrite: bool | None = None) -> Path:
        """Write the file without blocking the event loop; otherwise as `save`.

        Args:
            path: See `save`.
            overwrite: See `save`.

        Raises:
            DownloadError: See `save`.
        """
        with SavedFile.at(path, self.name, overwrite) as saved:
            if self._data is None:
                await self._fetcher()._asave_file(self, saved.partial)
            else:
                saved.partial.write_bytes(self._data)
        return saved.path

    def _fetcher(self) -> FileSource:
        source = self._source
        if source is not None and not isinstance(source, PassedOn):
            return source
        from .errors import ClientError

        why, first = ("was pickled, so it ", "read or save files before that, or ") if source else ("", "")
        error = ClientError(
            f"{self.name} {why}has no client to fetch it with: {first}call client.read(file) or "
            f"client.save(file, path) of a client for {(source and source.url) or 'its server'}"
        )
        raise error.of_prompt(self.prompt_id) if self.prompt_id else error

    def _pickled(self) -> Mapping[str, Any]:
        source = self._source
        passed = source is None or isinstance(source, PassedOn)
        return {"_source": source if passed else PassedOn(getattr(source, "url", ""), self.url)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OutputFile) and other._identity == self._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[object, ...]:
        return (self.type, self.subfolder, self.name, self.prompt_id, self.node_id, self._data)

    def _repr_html_(self) -> str:
        from .notebook import file_html

        return file_html(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.annotated_name}>"


class ImageFile(OutputFile):
    """A picture; animated ones too."""

    __slots__ = ()

    def pil(self) -> Image:
        """The picture as a Pillow image, read completely.

        Raises:
            MissingExtraError: Pillow is not installed (``pip install 'comfyflow-dsl[images]'``).
            PIL.UnidentifiedImageError: By its first bytes it is not a picture.
            BoundsError: What it carries beside the picture is larger than it may be.
            DownloadError: It did not arrive in full.
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


class NodeOutput(Copied):
    """What one node gave.

    Args:
        raw: What the server says that it gave: lists by key.
        node_id: The node in the prompt.
        prompt_id: The prompt.
        source: Fetches the files.
        extra: Files that came over the socket and are not files on the server.
        class_type: The node's class, ``""`` where it is not known.
    """

    __slots__ = ("files", "node_id", "prompt_id", "raw")

    def __init__(
        self,
        raw: Mapping[str, Any] | None = None,
        node_id: str = "",
        prompt_id: str = "",
        source: FileSource | None = None,
        extra: tuple[OutputFile, ...] = (),
        class_type: str = "",
    ) -> None:
        self.raw: Mapping[str, Any] = raw or {}
        self.node_id: str = node_id
        self.prompt_id: str = prompt_id
        self.files: tuple[OutputFile, ...] = (
            *_files(self.raw, node_id, prompt_id, source, class_type),
            *extra,
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """The strings that the node returned, one per execution."""
        return texts_in(self.raw.get("text"))

    @property
    def text(self) -> str:
        """All text, a line a string.

        A server turns a node's bare string into a list of its characters; they are put together
        again.
        """
        texts = self.texts
        single = len(texts) > 1 and all(len(text) == 1 for text in texts)
        return ("" if single else "\n").join(texts)

    def _repr_html_(self) -> str:
        from .notebook import output_html

        return output_html(self)

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


_BY_SUFFIX: Final[Mapping[str, type[OutputFile]]] = {
    suffix: kind
    for kind, suffixes in (
        (ImageFile, "apng avif bmp exr gif heic hdr ico jfif jpe jpeg jpg jxl png svg tga tif tiff webp"),
        (AudioFile, "aac aif aiff flac m4a mp3 oga opus wav wma"),
        (VideoFile, "avi m4v mkv mov mp4 mpeg mpg ogv webm wmv"),
        (Model3DFile, "fbx glb gltf ksplat obj ply splat spz stl usd usda usdc usdz"),
        (LatentFile, "latent"),
    )
    for suffix in suffixes.split()
}
"""What a file is by its name."""

_BY_KEY: Final[Mapping[str, type[OutputFile]]] = {
    "images": ImageFile,
    "gifs": ImageFile,
    "audio": AudioFile,
    "video": VideoFile,
    "videos": VideoFile,
    "latents": LatentFile,
    "3d": Model3DFile,
}
"""What a file is by the key under which a node gives it, where its name says nothing."""

_BY_MEDIA_TYPE: Final[Mapping[str, type[OutputFile]]] = {
    "image": ImageFile,
    "audio": AudioFile,
    "video": VideoFile,
    "model": Model3DFile,
}

_ANNOTATED: Final = re.compile(r"(.+) \[(output|temp|input)\]")

_IN_TEMP: Final = frozenset({"Preview3DAdvanced", "PreviewGaussianSplat", "PreviewPointCloud"})
"""Classes that write what they show into the temp folder, and give only its name.

``comfy_extras/nodes_load_3d.py`` of 0.27.0 and 0.33.0: ``Preview3D`` writes into the output folder,
as ``Save3DAdvanced`` does (``nodes_save_3d.py``).
"""


def _files(
    raw: Mapping[str, Any], node_id: str, prompt_id: str, source: FileSource | None, class_type: str
) -> Iterator[OutputFile]:
    for key, values in raw.items():
        if not is_array(values):
            continue
        for value in values:
            if is_object(value) and isinstance(value.get("filename"), str):
                yield _file(key, value, node_id, prompt_id, source)
    shown = raw.get("result")
    if is_array(shown) and shown and isinstance(shown[0], str) and shown[0]:
        named = _ANNOTATED.fullmatch(shown[0])
        text, folder = (named[1], named[2]) if named is not None else (shown[0], "")
        path = PurePosixPath(text.replace("\\", "/"))
        yield Model3DFile(
            path.name,
            str(path.parent) if path.parent.name else "",
            folder or ("temp" if class_type in _IN_TEMP else "output"),
            key="result",
            node_id=node_id,
            prompt_id=prompt_id,
            source=source,
        )


def _file(
    key: str, value: Mapping[str, Any], node_id: str, prompt_id: str, source: FileSource | None
) -> OutputFile:
    name = value["filename"]
    kind = _kind(key, name, text_or_empty(value.get("format")))
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


def _kind(key: str, name: str, media_type: str) -> type[OutputFile]:
    """What a file is: by its name, or else by what the node says about it, or else by its key.

    Keys are free (``a_images`` of ``ImageCompare``), and ``SaveVideo`` gives videos as ``images``.
    Only sounds go by their key before their name: containers of videos may hold nothing else.
    """
    by_key = _BY_KEY.get(key)
    by_name = _BY_SUFFIX.get(splitext(name)[1].lower().removeprefix("."))
    if by_key is AudioFile and by_name is VideoFile:
        return AudioFile
    return by_name or _BY_MEDIA_TYPE.get(media_type.partition("/")[0]) or by_key or OutputFile
