"""Public names that are imported when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module


def lazily_imported(package: str, modules: Mapping[str, str], name: str) -> object:
    """A public name of a package, for its module's ``__getattr__``; later uses find it without.

    Args:
        package: The package's own name.
        modules: In which of its modules each public name is.
        name: The name that is asked for.

    Raises:
        AttributeError: The package does not have that name.
    """
    module = modules.get(name)
    if module is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", package), name)
    setattr(sys.modules[package], name, value)
    return value
