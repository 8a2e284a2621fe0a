"""The name of a project, and of the module that holds its workflows."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from typing import Final

from ..errors import ProjectError

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
"""What a distribution may be called: https://packaging.python.org/en/latest/specifications/name-normalization/."""
_LONGEST: Final = 100
_OWN: Final = frozenset({"comfyflow", "comfyflow_dsl", "comfynodes", "tests", "conftest"})
"""Modules that every project has or needs."""


@dataclass(frozen=True)
class ProjectName:
    """A project's name.

    Attributes:
        name: As ``pyproject.toml`` has it: ``print-shop``.
        module: The module of its workflows: ``print_shop``.
    """

    name: str
    module: str

    @property
    def source(self) -> str:
        """The file of its workflows."""
        return f"{self.module}.py"

    @property
    def test(self) -> str:
        """The file of their tests."""
        return f"test_{self.module}.py"

    @classmethod
    def checked(cls, text: str) -> ProjectName:
        """The name that someone wants to give.

        Args:
            text: The name, or that of the project's folder.

        Raises:
            ProjectError: No distribution may have it, or a module of that name could not be imported
                or would hide another. The message has the nearest name that will do.
        """
        reason = _unfit(text)
        if reason is None:
            return cls(text, _module(text))
        raise ProjectError(f"{text!r:.120} cannot name a project: {reason}. {_advice(text)}")


def _unfit(text: str) -> str | None:
    """Why a string cannot be the name, or None."""
    if not _NAME.fullmatch(text):
        return "a name has letters, digits, '-', '_' and '.', and begins and ends with a letter or a digit"
    if len(text) > _LONGEST:
        return f"it has more than {_LONGEST} characters"
    module = _module(text)
    if not module.isidentifier():
        return f"Python cannot import a module {module!r}"
    if keyword.iskeyword(module):
        return f"{module!r} is a Python keyword"
    if module in sys.stdlib_module_names:
        return f"a module {module!r} would hide one of Python's standard library"
    if module in _OWN or _is_installed(module):
        return f"a module {module!r} would hide one that is installed or already in the project"
    return None


def _advice(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_LONGEST].strip("-")
    candidates = (plain, f"{plain}-workflows".strip("-"), f"comfy-{plain}".strip("-"))
    near = next((name for name in candidates if _unfit(name) is None), "my-workflows")
    return f"Name it with --name {near}"


def _module(text: str) -> str:
    return re.sub(r"[-.]+", "_", text).lower()


def _is_installed(module: str) -> bool:
    """Whether a module of that name is found; a bare folder, like the project's own, does not count."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None
