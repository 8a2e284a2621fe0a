"""The lowest version of each direct dependency that pyproject.toml allows, as constraints for pip.

``python -m tools.lowest_versions``; the Python that runs it decides about conditions on Python.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = ("images", "media", "simulator", "cloud", "serve", "test")


def lowest_versions(text: str) -> Iterator[str]:
    """``name==version`` for each dependency of the package and of its extras for users.

    Raises:
        ValueError: A dependency has no lower bound.
    """
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    project = tomllib.loads(text)["project"]
    lines = [*project["dependencies"]]
    lines += [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    for requirement in map(Requirement, dict.fromkeys(lines)):
        if requirement.name == project["name"]:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        versions = [each.version for each in requirement.specifier if each.operator == ">="]
        if len(versions) != 1:
            raise ValueError(f"{requirement} has no lower bound")
        yield f"{requirement.name}=={versions[0]}"


if __name__ == "__main__":
    print("\n".join(sorted(lowest_versions(PROJECT.read_text(encoding="utf-8")))))
