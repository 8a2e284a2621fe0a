"""Libraries that only an extra of the distribution brings, and what is said where one is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Final

from .errors import MissingExtraError

LIBRARIES: Final[Mapping[str, str]] = {
    "PIL": "Pillow",
    "aiohttp": "aiohttp",
    "av": "PyAV",
    "distributed": "Dask",
    "fastapi": "FastAPI",
    "hypothesis": "hypothesis",
    "mcp": "mcp",
    "numpy": "NumPy",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
    "resvg_py": "resvg-py",
    "simpleeval": "simpleeval",
    "uvicorn": "uvicorn",
}
"""The name of each of their modules on the package index, or its common name."""


@contextlib.contextmanager
def needing(what: str, extra: str) -> Generator[None, None, None]:
    """Import libraries of an extra in this block.

    Args:
        what: What they are needed for: ``reading pictures``.
        extra: The extra that brings them.

    Raises:
        MissingExtraError: One is not installed, or cannot be imported.
    """
    try:
        yield
    except ImportError as error:
        module = (error.name or "").partition(".")[0]
        library = LIBRARIES.get(module)
        if library is None:
            raise
        missing = isinstance(error, ModuleNotFoundError) and error.name == module
        reason = "which is not installed" if missing else f"which cannot be imported ({error})"
        raise MissingExtraError(f"{what} needs {library}, {reason}", extra) from None
