"""The package of node classes and the lock file, compared with what a server has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import LockError
from .diagnosis import Diagnosis

if TYPE_CHECKING:
    from ..schema import NodeSchema, Schema

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
    from ..lock import read_lock

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
    from ..codegen.schema_file import NotJsonError, node_line

    try:
        return node_line(node, docs=False)
    except NotJsonError:
        return ""


def _differs(old: NodeSchema, new: NodeSchema) -> bool:
    from ..lock.difference import node_differences

    return any(True for _ in node_differences(old, new, {"": {}}))


def _listed(names: Iterable[str]) -> str:
    shown = [f"{name:.60}" for name in names]
    more = f", … {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more
