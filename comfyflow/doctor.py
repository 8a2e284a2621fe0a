"""What is wrong on this machine, and what to do about it: the parts of ``comfyflow doctor``."""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from packaging.requirements import Requirement

from ._version import __version__
from .bounds import VARIABLE as BOUNDS_VARIABLE
from .bounds import Bounds, readable
from .cache_folder import VARIABLE as CACHE_VARIABLE
from .cache_folder import folder_in_force
from .configuration import (
    CONFIG_VARIABLE,
    CREDENTIALS,
    SERVE_KEY_VARIABLE,
    SERVER_VARIABLE,
    WEBHOOK_SECRET_VARIABLE,
    config_file,
    given_credentials,
    read_config,
)
from .errors import ComfyflowError, LockError
from .nearest import nearest

if TYPE_CHECKING:
    from .client.routes.server_info import SystemStats
    from .schema import NodeSchema, Schema


__all__ = ["Diagnosis", "State"]


State: TypeAlias = Literal["ok", "warning", "problem"]
"""``problem``: something fails until it is cured. ``warning``: something that may be wanted does not work."""

_INDENT: Final = 9


@dataclass(frozen=True)
class Diagnosis:
    """What was found about one thing.

    Attributes:
        name: The thing: ``Python``, ``extra media``, ``server``.
        state: How it is.
        message: What was found.
        cure: What to do; empty where it is ok.
    """

    name: str
    state: State
    message: str
    cure: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<{_INDENT}}{self.name}: {self.message}"
        return f"{line}\n{'':<{_INDENT}}cure: {self.cure}" if self.cure else line

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


DISTRIBUTION: Final = "comfyflow-dsl"
_OTHER: Final = "comfyflow"
"""A distribution of someone else's that has a package of the same name."""
_OLDEST: Final = (3, 10)
_NEWEST: Final = (3, 14)
"""The newest Python that it is tested with."""

USES: Final[Mapping[str, str]] = {
    "images": "output files as Pillow images and arrays, arrays as inputs",
    "pictures": "PNG files of graphs",
    "media": "workflows in video and sound files, outputs as arrays",
    "simulator": "comfyflow simulate, run --simulate",
    "editor": "comfyflow simulate --frontend",
    "mcp": "comfyflow mcp",
    "cloud": "files that Comfy Cloud has already are not sent again",
    "dask": "comfyflow batch --dask, comfyflow worker",
    "serve": "comfyflow serve",
    "test": "the pytest plugin with its simulated server",
}
"""What each extra of users is for; others are listed by their name alone."""
OF_DEVELOPERS: Final = frozenset({"dev", "slow", "docs"})
"""Extras for those who work on comfyflow itself."""


def installation() -> Iterator[Diagnosis]:
    """The diagnoses of Python, of this package, of its dependencies and of each extra."""
    yield python()
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        yield Diagnosis(
            "comfyflow",
            "warning",
            f"{__version__} in {_folder()} is not installed, so its dependencies and extras are not known",
            f"python -m pip install -e {_folder().parent}",
        )
        return
    yield _package(distribution.version)
    requirements = [Requirement(line) for line in distribution.requires or ()]
    yield _dependencies(requirements)
    extras: Iterable[Any] = distribution.metadata.get_all("Provides-Extra") or ()
    for extra in extras:
        if extra not in OF_DEVELOPERS:
            yield _extra(str(extra), requirements)


def python(version: tuple[int, int] = sys.version_info[:2]) -> Diagnosis:
    """The diagnosis of Python itself.

    Args:
        version: Its version.
    """
    message = f"{platform.python_version()} ({sys.executable})"
    if version < _OLDEST:
        return Diagnosis("Python", "problem", message, f"install Python {_shown(_OLDEST)} or newer")
    if version > _NEWEST:
        cure = (
            f"if something fails, use Python {_shown(_NEWEST)}, the newest version comfyflow is tested with"
        )
        return Diagnosis("Python", "warning", message, cure)
    return Diagnosis("Python", "ok", message)


def _package(installed: str) -> Diagnosis:
    message = f"{__version__} in {_folder()}"
    again = f"python -m pip install --force-reinstall --no-deps {DISTRIBUTION}"
    if _version(_OTHER) is not None:
        return Diagnosis(
            "comfyflow",
            "problem",
            f"{message}; the distribution {_OTHER!r}, a different project, is installed over it",
            f"python -m pip uninstall {_OTHER}; {again}",
        )
    if installed != __version__:
        return Diagnosis(
            "comfyflow", "warning", f"{message}, but pip has installed {DISTRIBUTION} {installed}", again
        )
    return Diagnosis("comfyflow", "ok", message)


def _dependencies(requirements: Iterable[Requirement]) -> Diagnosis:
    needed = [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    wrong = [text for each in needed if (text := _unmet(each)) is not None]
    if wrong:
        return Diagnosis(
            "dependencies", "problem", "; ".join(wrong), f"python -m pip install --upgrade {DISTRIBUTION}"
        )
    return Diagnosis("dependencies", "ok", f"{len(needed)} are installed")


def _extra(extra: str, requirements: Iterable[Requirement]) -> Diagnosis:
    needed = [each for each in requirements if each.marker is not None and _is_of_extra(each, extra)]
    missing = [each.name for each in needed if _version(each.name) is None]
    wrong = [text for each in needed if each.name not in missing and (text := _unmet(each)) is not None]
    use = f" ({USES[extra]})" if extra in USES else ""
    cure = f"pip install '{DISTRIBUTION}[{extra}]'"
    if wrong:
        return Diagnosis(f"extra {extra}", "problem", "; ".join(wrong) + use, cure)
    if missing:
        return Diagnosis(f"extra {extra}", "warning", f"without {', '.join(missing)}{use}", cure)
    versions = ", ".join(f"{each.name} {_version(each.name)}" for each in needed)
    return Diagnosis(f"extra {extra}", "ok", versions + use)


def _is_of_extra(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _unmet(requirement: Requirement) -> str | None:
    """What is wrong with a dependency, or None."""
    found = _version(requirement.name)
    if found is None:
        return f"{requirement.name} is not installed"
    if not requirement.specifier.contains(found, prereleases=True):
        return f"{requirement.name} {found} is installed, {requirement.specifier} is needed"
    return None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _folder() -> Path:
    return Path(__file__).parent


def _shown(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


_PREFIX: Final = "COMFYFLOW_"
_OF_TESTS: Final = frozenset({"COMFYFLOW_UPDATE_EXAMPLES", "COMFYFLOW_PARITY_DATA"})
VARIABLES: Final = frozenset(
    {
        SERVER_VARIABLE,
        SERVE_KEY_VARIABLE,
        WEBHOOK_SECRET_VARIABLE,
        CONFIG_VARIABLE,
        BOUNDS_VARIABLE,
        CACHE_VARIABLE,
    }
    | {_PREFIX + name.upper() for name in CREDENTIALS}
)
"""The variables of the environment that are read."""


def settings() -> Iterator[Diagnosis]:
    """The diagnoses of the config file, of the environment and of the cache; no credential is shown."""
    yield _config()
    yield from _environment()
    yield _cache()


def _config() -> Diagnosis:
    path = config_file()
    try:
        found = read_config()
        given_credentials()
    except ComfyflowError as error:
        return Diagnosis("config file", "problem", str(error), f"correct {path} or remove it")
    if not path.exists():
        return Diagnosis("config file", "ok", f"none; it would be {path}")
    said = f"{path} ({', '.join(sorted(found)) or 'empty'})"
    if os.name == "posix" and set(found) & set(CREDENTIALS):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            message = f"{said} holds credentials and is readable by other users of this machine"
            return Diagnosis("config file", "warning", message, f"chmod 600 {path}")
    return Diagnosis("config file", "ok", said)


def _environment() -> Iterator[Diagnosis]:
    given = sorted(name for name in os.environ if name.startswith(_PREFIX))
    unknown = [name for name in given if name not in VARIABLES | _OF_TESTS]
    for name in unknown:
        near = nearest(name, VARIABLES)
        cure = (
            f"rename it to {near}"
            if near is not None
            else f"unset it; valid variables: {', '.join(sorted(VARIABLES))}"
        )
        yield Diagnosis("environment", "warning", f"{name} is set, but nothing reads it", cure)
    try:
        Bounds.from_environment()
    except ComfyflowError as error:
        yield Diagnosis("environment", "problem", str(error), f"correct {BOUNDS_VARIABLE}, or unset it")
        return
    if not unknown:
        yield Diagnosis("environment", "ok", ", ".join(given) or "no comfyflow variable is set")


def _cache() -> Diagnosis:
    folder = folder_in_force()
    if folder is None:
        return Diagnosis("cache", "ok", "caching is off")
    if not folder.exists():
        return Diagnosis("cache", "ok", f"{folder} does not exist yet")
    elsewhere = f"make it a writable folder or name another one: {CACHE_VARIABLE}=DIR"
    if not folder.is_dir():
        return Diagnosis("cache", "warning", f"{folder} is not a folder, so nothing is cached", elsewhere)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Diagnosis("cache", "warning", f"{folder} is not writable, so nothing is cached", elsewhere)
    sizes = [path.stat().st_size for path in folder.rglob("*.entry") if path.is_file()]
    return Diagnosis("cache", "ok", f"{folder} has {len(sizes)} entries, {readable(sum(sizes))}")


_UPGRADE: Final = "python -m pip install --upgrade comfyflow-dsl"


def running_server(stats: SystemStats, where: str) -> Diagnosis:
    """The diagnosis of a server that answers.

    Args:
        stats: What it says about itself.
        where: Its address, and who named it.
    """
    from .schema.version import EDITORS, MODULE_SIGNS

    message = f"{where}: ComfyUI {stats.system.comfyui_version or 'of an unknown version'}"
    if stats.version is None:
        cure = (
            "version-specific behaviour is derived from its node classes; update ComfyUI to 0.3.64 or newer"
        )
        return Diagnosis("server", "warning", message, cure)
    newest = max(EDITORS[0][0], *(version for _, version in MODULE_SIGNS))
    if stats.version[:2] > newest[:2]:
        known = f"{message}, newer than {newest.major}.{newest.minor}, the newest version known to comfyflow"
        return Diagnosis("server", "warning", known, _UPGRADE)
    return Diagnosis("server", "ok", message)


def editor(stats: SystemStats) -> Diagnosis:
    """The diagnosis of the editor that a server requires; conversions follow it.

    Args:
        stats: What the server says about itself.
    """
    from .importer.editor_rules import NEWEST, OLDEST
    from .schema import Version

    said = stats.editor
    version = Version.parse(said) if said is not None else None
    if version is None:
        return Diagnosis(
            "editor",
            "warning",
            "the server does not say which editor it requires",
            "to convert like a different version: convert --editor VERSION",
        )
    if version[:2] > NEWEST[:2]:
        known = f"{said}, newer than {NEWEST.major}.{NEWEST.minor}, the newest version whose rules are known"
        return Diagnosis("editor", "warning", known, _UPGRADE)
    if version[:2] < OLDEST[:2]:
        known = f"{said}, older than {OLDEST.major}.{OLDEST.minor}, the oldest version whose rules are known"
        return Diagnosis("editor", "warning", known, "update ComfyUI, or check converted workflows by eye")
    return Diagnosis("editor", "ok", str(said))


_NAMED: Final = 3
"""How many classes of a kind are named."""


@dataclass(frozen=True)
class _News:
    """How the classes of a server differ from known ones."""

    new: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]

    def __str__(self) -> str:
        parts = (("new", self.new), ("gone", self.gone), ("changed", self.changed))
        return ", ".join(f"{len(names)} {what} ({_listed(names)})" for what, names in parts if names)


def stubs(known: Schema, folder: Path, server: Schema | None, option: str = "") -> Diagnosis:
    """The diagnosis of the package of node classes in effect.

    Args:
        known: Its schema.
        folder: Its folder.
        server: The server's schema; None if no server answers.
        option: How the server was named on the command line: ``--server URL``.
    """
    message = f"{len(known.raw)} node classes of ComfyUI {known.version_text}, in {folder}"
    if server is None:
        return Diagnosis("stubs", "ok", f"{message}; not compared because no server answered")
    own = folder.parent == Path.cwd()
    news = _news(known, server)
    if not (news.new or news.gone or news.changed):
        return Diagnosis("stubs", "ok", f"{message}, the same as the server's")
    which = "stale: on the server" if own else "the reference package, not the server's: there"
    out = folder.name if own else "comfynodes"
    cure = " ".join(filter(None, ("comfyflow gen-stubs", option, "--out", out)))
    return Diagnosis("stubs", "warning", f"{message}; {which} are {news}", cure)


def lock(path: Path, server: Schema | None, *, named: bool) -> Diagnosis:
    """The diagnosis of a lock file.

    Args:
        path: The file.
        server: The server's schema; None if no server answers.
        named: Whether the user named it, so that it must exist.
    """
    from .lock import read_lock

    if not named and not path.exists():
        return Diagnosis("lock", "ok", f"no {path} here")
    try:
        found = read_lock(path)
    except LockError as error:
        return Diagnosis("lock", "problem", str(error), "create it again: comfyflow lock TARGET…")
    message = f"{path} has {len(found.nodes)} node classes of ComfyUI {found.version}"
    if server is None:
        return Diagnosis("lock", "ok", f"{message}; not compared because no server answered")
    gone = [name for name in found.nodes if name not in server]
    changed = [name for name in found.nodes if name in server and _differs(found.schema[name], server[name])]
    workflows = " ".join(found.workflows)
    if gone or changed:
        return Diagnosis(
            "lock",
            "problem" if gone else "warning",
            f"{message}; on the server are {_News((), tuple(gone), tuple(changed))}",
            f"comfyflow check {workflows} --lock {path} says what that means for the workflows; "
            f"comfyflow lock {workflows} -o {path} accepts it",
        )
    return Diagnosis("lock", "ok", f"{message}, the same as the server's")


def _news(known: Schema, server: Schema) -> _News:
    return _News(
        tuple(sorted(set(server) - set(known))),
        tuple(sorted(set(known) - set(server))),
        tuple(
            sorted(name for name in set(known) & set(server) if _facts(known[name]) != _facts(server[name]))
        ),
    )


def _facts(node: NodeSchema) -> str:
    """What `gen-stubs` writes of a class, its texts aside; empty for one that it leaves out."""
    from .codegen.schema_file import NotJsonError, schema_line

    try:
        return schema_line(node, docs=False)
    except NotJsonError:
        return ""


def _differs(old: NodeSchema, new: NodeSchema) -> bool:
    from .lock.difference import node_differences

    return any(True for _ in node_differences(old, new, {"": {}}))


def _listed(names: Iterable[str]) -> str:
    shown = [f"{name:.60}" for name in names]
    more = f", … {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more
