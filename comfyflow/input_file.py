"""Values for an input that takes a file, such as ``LoadImage.image``.

A file of this computer, its bytes, a picture in memory, a file that the server has already, or the
result of an earlier run. Only the standard library is imported: every generated module may import
this one.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, ClassVar, Final, Protocol, TypeAlias, TypeGuard, runtime_checkable

from .output_file import OutputFile
from .record import Record

ANNOTATIONS: Final = (" [input]", " [output]", " [temp]")
"""What is behind the name of a file of the server, to say in which of its folders it is."""


class UploadedFile(Record):
    """A file in one of the server's folders.

    Attributes:
        name: Its name there, which may differ from the requested one.
        subfolder: The folder below, or ``""``.
        type: ``input``, ``temp`` or ``output``.
        asset_id: The id by which a server of the Comfy API v2 knows it; ``""`` on others.
    """

    name: str
    subfolder: str
    type: str
    asset_id: str

    _names: ClassVar[tuple[str, ...]] = ("name", "subfolder", "type", "asset_id")

    def __init__(
        self,
        name: str,
        subfolder: str = "",
        type: str = "input",  # noqa: A002  # the server's word
        asset_id: str = "",
    ) -> None:
        self.__dict__.update(name=name, subfolder=subfolder, type=type, asset_id=asset_id)

    @property
    def reference(self) -> str:
        """How an input such as ``LoadImage.image`` names it."""
        path = f"{self.subfolder}/{self.name}" if self.subfolder else self.name
        return path if self.type == "input" else f"{path} [{self.type}]"

    @classmethod
    def named(cls, reference: str) -> UploadedFile:
        """The file that an input such as ``LoadImage.image`` names; the inverse of `reference`."""
        path, kind = reference, "input"
        if is_annotated(reference):
            path, _, folder = reference.rpartition(" [")
            kind = folder.rstrip("]")
        subfolder, _, name = path.rpartition("/")
        return cls(name, subfolder, kind)


@runtime_checkable
class HasFiles(Protocol):
    """What a run gave: a `Result`, or the output of one node. It stands for its file if it has one."""

    @property
    def files(self) -> Sequence[OutputFile]:
        """The files."""
        ...


class PillowPicture(Protocol):
    """A Pillow image."""

    @property
    def mode(self) -> str:
        """``RGB``, ``RGBA``, ``L``, …."""
        ...

    def save(self, fp: Any, format: str | None = ..., **params: Any) -> None:  # noqa: A002  # Pillow's word
        """Write the picture."""
        ...


class PixelArray(Protocol):
    """A NumPy array: height, width and perhaps channels."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


FileValue: TypeAlias = (
    os.PathLike[str] | bytes | UploadedFile | OutputFile | HasFiles | PillowPicture | PixelArray
)
"""What may be given, beside a string, where an input takes a file."""


class ForeignPath(str):
    """A path that was in someone else's workflow. Made by `foreign_path`."""

    __slots__ = ()


def foreign_path(text: str) -> str:
    """Mark a path that someone else wrote into a workflow: the file is not uploaded for it.

    `to_python` writes it around absolute paths and those with ``..``. Replace the call by the plain
    text once you have seen that you want this file uploaded; ``allow_upload=True`` allows all.

    Args:
        text: The path.
    """
    return ForeignPath(text)


class InputFile(Record):
    """A file that was given to an input.

    Attributes:
        reference: How the prompt names it until it is uploaded. Bytes and pictures are named by
            their content, so that the same program makes the same prompt.
        shown: What to call it in messages.
        name: What it is called when it is uploaded.
        content: The bytes, or the file that has them; None if a server has it already.
        origin: The output file that it is, if it is one.
        uploaded: The uploaded file that it is, if it is one.
    """

    reference: str
    shown: str
    name: str
    content: bytes | Path | None
    origin: OutputFile | None
    uploaded: UploadedFile | None

    _names: ClassVar[tuple[str, ...]] = (
        "reference",
        "shown",
        "name",
        "content",
        "origin",
        "uploaded",
    )
    _unshown: ClassVar[frozenset[str]] = frozenset({"content"})

    def __init__(
        self,
        reference: str,
        shown: str,
        name: str = "",
        content: bytes | Path | None = None,
        origin: OutputFile | None = None,
        uploaded: UploadedFile | None = None,
    ) -> None:
        self.__dict__.update(
            reference=reference, shown=shown, name=name, content=content, origin=origin, uploaded=uploaded
        )

    @classmethod
    def of(cls, value: object) -> InputFile | None:
        """The file that a value stands for; None if it is something else.

        Args:
            value: Anything that was given to an input. A string stands for no file here: only the
                input and the server can tell.

        Raises:
            ValueError: It stands for several files or for none, or is not a picture that can be sent.
        """
        if isinstance(value, (str, int, float, type(None))):
            return None
        if is_path(value):
            path = Path(value)
            return cls(str(path), str(path), path.name, path)
        if isinstance(value, (bytes, bytearray)):
            content = bytes(value)
            if not content_suffix(content):
                raise ValueError(
                    "cannot tell what kind of file these bytes are; upload them under a name and pass "
                    "the result: client.upload_image(data, name='a.png')"
                )
            return _of_bytes(content, f"{len(content)} bytes")
        if isinstance(value, UploadedFile):
            return cls(value.reference, value.reference, uploaded=value)
        if isinstance(value, OutputFile):
            return _of_output(value)
        picture = _picture(value)
        if picture is not None:
            return picture
        if isinstance(value, HasFiles) and not isinstance(value, type):
            return _only(value)
        return None


def is_path(value: object) -> TypeGuard[os.PathLike[str]]:
    """Whether a value is a path object."""
    return isinstance(value, os.PathLike)


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file is there; what cannot be a path, or cannot be looked at, is not one.

    Args:
        path: The path, or a string that may be one.
    """
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def is_annotated(text: str) -> bool:
    """Whether a string says itself in which folder of the server its file is: ``a.png [output]``."""
    return text.endswith(ANNOTATIONS)


def bare_name(text: str) -> str:
    """A name without the folder that it may say at its end."""
    return text.rpartition(" [")[0] if is_annotated(text) else text


def is_plain_path(text: str) -> bool:
    """Whether a path leads down from where one is, on every system: no root, drive, ``..`` or ``~``,
    and nothing hidden.
    """
    windows, posix = PureWindowsPath(text), PurePosixPath(text)
    if windows.drive or windows.root or posix.root or text.startswith("~"):
        return False
    return not any(part.startswith(".") and part != "." for part in (*windows.parts, *posix.parts))


def _of_bytes(content: bytes, shown: str, suffix: str | None = None) -> InputFile:
    import hashlib  # OpenSSL takes memory, and no workflow without a file needs it

    digest = hashlib.sha256(content).hexdigest()[:20]
    name = f"upload-{digest}{content_suffix(content) if suffix is None else suffix}"
    return InputFile(name, shown, name, content)


def _of_output(file: OutputFile) -> InputFile:
    """A file of a server by its name there; what came over the socket is not a file yet."""
    if not file.loaded:
        return InputFile(file.annotated_name, file.annotated_name, file.name, origin=file)
    return _of_bytes(file.bytes(), file.name, PurePosixPath(file.name).suffix)


def _only(value: HasFiles) -> InputFile:
    files = tuple(value.files)
    what = f"the {type(value).__name__}"
    if not files:
        raise ValueError(f"{what} has no file")
    if len(files) > 1:
        raise ValueError(f"{what} has {len(files)} files; pass one of them: .files[0]")
    return _of_output(next(iter(files)))


def _picture(value: Any) -> InputFile | None:
    """A picture of Pillow or NumPy as PNG. What was never imported cannot have made it."""
    pillow, numpy = sys.modules.get("PIL.Image"), sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        if value.ndim < 2:
            return None
        shape = " x ".join(map(str, value.shape))
        return _of_bytes(_png(_from_array(value, numpy)), f"an array of {shape}", ".png")
    if pillow is not None and isinstance(value, pillow.Image):
        return _of_bytes(_png(value), f"an image of {value.width} x {value.height}", ".png")
    return None


def _png(picture: Any) -> bytes:
    if picture.mode not in _PNG_MODES:
        picture = picture.convert("RGBA" if "A" in picture.mode or "a" in picture.mode else "RGB")
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _from_array(array: Any, numpy: Any) -> Any:
    """A Pillow image of an array: ``uint8``, ``bool``, or floats from 0 to 1 as ComfyUI has them."""
    try:
        from PIL import Image
    except ImportError:
        raise ValueError(
            "an array is sent as PNG, which needs Pillow: pip install 'comfyflow-dsl[images]'"
        ) from None
    shape = array.shape
    if array.ndim == 4 and shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ValueError(
            f"an array of the shape {shape} is not an image; its shape must be (height, width) or "
            "(height, width, 1, 3 or 4)"
        )
    if array.dtype == numpy.bool_:
        array = array.astype(numpy.uint8) * 255
    elif numpy.issubdtype(array.dtype, numpy.floating):
        if not numpy.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise ValueError("the values of a float array must be between 0 and 1; or use uint8")
        array = (array * 255).round().astype(numpy.uint8)
    elif array.dtype != numpy.uint8:
        raise ValueError(
            f"an array of {array.dtype} is not an image; use uint8, bool, or floats between 0 and 1"
        )
    return Image.fromarray(numpy.ascontiguousarray(array))


_PIECE: Final = 1 << 20
_PNG_MODES: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", 0, ".png"),
    (b"\xff\xd8\xff", 0, ".jpg"),
    (b"GIF8", 0, ".gif"),
    (b"BM", 0, ".bmp"),
    (b"II*\0", 0, ".tiff"),
    (b"MM\0*", 0, ".tiff"),
    (b"WEBP", 8, ".webp"),
    (b"WAVE", 8, ".wav"),
    (b"AVI ", 8, ".avi"),
    (b"fLaC", 0, ".flac"),
    (b"OggS", 0, ".ogg"),
    (b"ID3", 0, ".mp3"),
    (b"ftypavif", 4, ".avif"),
    (b"ftypqt", 4, ".mov"),
    (b"ftypM4A", 4, ".m4a"),
    (b"ftyp", 4, ".mp4"),
    (b"\x1aE\xdf\xa3", 0, ".webm"),
    (b"glTF", 0, ".glb"),
    (b"{", 8, ".latent"),
)
"""What a file begins with, where, and the end of its name: servers choose a reader by it."""


def content_suffix(content: bytes) -> str:
    """The end of the name of a file with this content; empty where it is of no known kind.

    Args:
        content: The bytes, or the first 16 of them.
    """
    return next(
        (suffix for mark, at, suffix in _SIGNATURES if content[at : at + len(mark)] == mark),
        ".mp3" if content[:1] == b"\xff" and content[1:2] >= b"\xe0" else "",
    )


def asset_hash(content: bytes | Path) -> str | None:
    """The hash under which a server lists a content among its assets: ``blake3:`` and 64 digits.

    Args:
        content: The bytes, or the file that has them.

    Returns:
        The hash; None if the package ``blake3`` is not installed.

    Raises:
        OSError: The file cannot be read.
    """
    from importlib import import_module

    try:
        blake3: Any = import_module("blake3")
    except ImportError:
        return None
    return f"blake3:{content_digest(content, blake3.blake3())}"


class Digest(Protocol):
    """A hash that is being computed, as hashlib has it."""

    def update(self, data: bytes, /) -> object:
        """Take more bytes."""
        ...

    def hexdigest(self) -> str:
        """The hash of the bytes so far, in hexadecimal digits."""
        ...


def content_digest(content: bytes | Path, digest: Digest) -> str:
    """The hash of a content, however large, in hexadecimal digits.

    Args:
        content: The bytes, or the file that has them.
        digest: A new hash object.

    Raises:
        OSError: The file cannot be read.
    """
    if isinstance(content, bytes):
        digest.update(content)
    else:
        with content.open("rb") as opened:
            while piece := opened.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()
