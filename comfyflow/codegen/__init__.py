"""Node classes in Python, generated from what a server says about its nodes.

The command that shows a class needs its arguments' names and no package, so modules are imported when they
are used.
"""

from typing import TYPE_CHECKING

from ..lazy_import import lazily_imported

if TYPE_CHECKING:
    from .block import Renamed as Renamed
    from .package import Package as Package
    from .package import generate as generate
    from .package_plan import DEFAULT_MAX_CHOICES as DEFAULT_MAX_CHOICES
    from .package_plan import Options as Options

_EXPORTS = {
    "DEFAULT_MAX_CHOICES": "package_plan",
    "Options": "package_plan",
    "Package": "package",
    "Renamed": "block",
    "generate": "package",
}

__all__ = list(_EXPORTS)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    return lazily_imported(__name__, _EXPORTS, name)


def __dir__() -> list[str]:
    return sorted(_EXPORTS)
