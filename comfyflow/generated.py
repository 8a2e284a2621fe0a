"""What generated packages are known by, and what they are made of besides nodes.

Light: the command and pytest's plugin begin with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

STUBS: Final = "comfynodes"
"""The package that is meant where none is named: comfyflow brings one, `gen-stubs` writes one."""

SCHEMA_FILE: Final = "schema.json"
"""The name of the file that `gen-stubs` writes beside the modules."""

MARKER: Final = "py.typed"


def is_generated(folder: Path) -> bool:
    """Whether a folder is a package that `gen-stubs` wrote."""
    return (folder / SCHEMA_FILE).is_file() and (folder / MARKER).is_file()


class Unread:
    """A list of choices of a generated package, before someone looks at it.

    `typing.Literal` takes ten times as long for each of some hundreds, of which a workflow uses a few.
    """

    __slots__ = ("choices",)

    def __init__(self, choices: Any) -> None:
        self.choices: Any = choices

    def __class_getitem__(cls, choices: Any) -> Unread:
        return cls(choices)


def read_later(names: dict[str, Any]) -> tuple[list[str], Callable[[str], object]]:
    """Have a module's aliases made when they are first looked at.

    Args:
        names: The names of the module, with an `Unread` for each alias; they are taken out.

    Returns:
        The module's ``__all__`` and ``__getattr__``.
    """
    unread = {name: value for name, value in names.items() if isinstance(value, Unread)}
    for name in unread:
        del names[name]

    def look_up(name: str) -> object:
        if name in unread:
            names[name] = Literal[unread[name].choices]
            return names[name]
        from .node_history import missing_choices

        raise missing_choices(names["__name__"], name, unread)

    return [*unread], look_up
