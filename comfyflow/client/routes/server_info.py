"""What a server reports about itself, as types: its system, model files, users, files and log.

Each is also a mapping, the server's own object: properties of newer servers that are not known here can be
read from it by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...json_types import array_or_empty, is_number, is_object, object_or_empty, text_of, texts_in
from ...schema import Version

_LARGEST = 1 << 63


@dataclass(frozen=True, eq=False)
class ServerObject(Mapping[str, Any]):
    """An object as a server sent it.

    Attributes:
        raw: The object itself.
    """

    raw: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.raw[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def _text(self, name: str) -> str | None:
        return text_of(self.raw, name)

    def _number(self, name: str) -> float | None:
        value = self.raw.get(name)
        return value if is_number(value) else None

    def _count(self, name: str) -> int | None:
        value = self._number(name)
        return int(value) if value is not None and 0 <= value < _LARGEST else None


class SystemInfo(ServerObject):
    """The computer that a server runs on, and the versions of what runs there.

    What a server does not report is None: older versions, and other software that speaks ComfyUI's protocol,
    report less.
    """

    @property
    def os(self) -> str | None:
        """The system: Python's ``os.name`` up to 0.3.64 at least, later its ``sys.platform``."""
        return self._text("os")

    @property
    def comfyui_version(self) -> str | None:
        """The server's version, as it writes it."""
        return self._text("comfyui_version")

    @property
    def required_frontend_version(self) -> str | None:
        """The version of the editor that the server requires."""
        return self._text("required_frontend_version")

    @property
    def python_version(self) -> str | None:
        """The versions of Python and of its compiler."""
        return self._text("python_version")

    @property
    def pytorch_version(self) -> str | None:
        """The version of PyTorch."""
        return self._text("pytorch_version")

    @property
    def embedded_python(self) -> bool | None:
        """Whether it is the Python of ComfyUI's portable package."""
        value = self.raw.get("embedded_python")
        return value if isinstance(value, bool) else None

    @property
    def argv(self) -> tuple[str, ...]:
        """The command that the server was started with."""
        return texts_in(self.raw.get("argv"))

    @property
    def ram_total(self) -> int | None:
        """The memory, in bytes."""
        return self._count("ram_total")

    @property
    def ram_free(self) -> int | None:
        """The free memory, in bytes."""
        return self._count("ram_free")


class Device(ServerObject):
    """A compute device of a server. Sizes are in bytes."""

    @property
    def name(self) -> str | None:
        """What PyTorch calls it."""
        return self._text("name")

    @property
    def type(self) -> str | None:
        """Its kind: ``cuda``, ``mps``, ``cpu``, …."""
        return self._text("type")

    @property
    def index(self) -> int | None:
        """Its index within its kind; None for the only one."""
        return self._count("index")

    @property
    def vram_total(self) -> int | None:
        """Its memory."""
        return self._count("vram_total")

    @property
    def vram_free(self) -> int | None:
        """Its free memory."""
        return self._count("vram_free")

    @property
    def torch_vram_total(self) -> int | None:
        """The memory that PyTorch has reserved."""
        return self._count("torch_vram_total")

    @property
    def torch_vram_free(self) -> int | None:
        """The memory that PyTorch has reserved but does not use."""
        return self._count("torch_vram_free")


class SystemStats(ServerObject):
    """The answer of ``GET /system_stats``: the server's system and its devices."""

    @property
    def system(self) -> SystemInfo:
        """Versions and memory."""
        return SystemInfo(object_or_empty(self.raw.get("system")))

    @property
    def devices(self) -> tuple[Device, ...]:
        """Its compute devices, the default one first."""
        return tuple(Device(entry) for entry in array_or_empty(self.raw.get("devices")) if is_object(entry))

    @property
    def version(self) -> Version | None:
        """The server's version; None if it reports none that can be parsed."""
        return Version.parse(self.system.comfyui_version or "")

    @property
    def editor(self) -> str | None:
        """The version of the editor that the server requires; 0.0.0 stands for none."""
        said = self.system.required_frontend_version
        return said if said is not None and not said.startswith("0.") else None


class ServerFile(ServerObject):
    """A file in a server's listing."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self._text("name") or ""

    @property
    def size(self) -> int | None:
        """In bytes; None for a folder."""
        return self._count("size")

    @property
    def modified(self) -> float | None:
        """When it was last written, in seconds since 1970."""
        return self._number("modified")


class ModelFile(ServerFile):
    """A file in a server's model folder, by its path there, as the inputs of loaders take it."""

    @property
    def path_index(self) -> int | None:
        """The index of the folder of its kind that it is in: there may be several."""
        return self._count("pathIndex")

    @property
    def created(self) -> float | None:
        """When it was created, in seconds since 1970."""
        return self._number("created")


class Users(ServerObject):
    """Where a server stores user data, and its users."""

    @property
    def storage(self) -> str | None:
        """``server``."""
        return self._text("storage")

    @property
    def migrated(self) -> bool | None:
        """Whether the single user's settings are on the server; None if there are several users."""
        value = self.raw.get("migrated")
        return value if isinstance(value, bool) else None

    @property
    def names(self) -> Mapping[str, str]:
        """The users' names, by the id that ``Client(user=…)`` takes; empty if there is only one."""
        known = object_or_empty(self.raw.get("users"))
        return {user: name for user, name in known.items() if isinstance(name, str)}


class UserFile(ServerFile):
    """A file or folder of a server's user."""

    @property
    def path(self) -> str:
        """Its path below the user's folder."""
        return self._text("path") or ""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self._text("type") == "directory"


class LogEntry(ServerObject):
    """A piece of a server's log."""

    @property
    def time(self) -> str | None:
        """When it was written, in ISO 8601."""
        return self._text("t")

    @property
    def text(self) -> str:
        """The text: a line, or part of one."""
        return self._text("m") or ""
