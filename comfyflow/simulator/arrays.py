"""NumPy as type checkers see it here: untyped, for its own types need a later Python than 3.10."""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeAlias

np: Any = import_module("numpy")
"""NumPy itself."""

FloatArray: TypeAlias = Any
"""A NumPy array, of float32 where nothing else is said."""

Random: TypeAlias = Any
"""A ``numpy.random.Generator``."""
