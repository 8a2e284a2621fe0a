"""Python, this package, what it depends on, and its extras."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

from .._version import __version__
from .diagnosis import Diagnosis

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
    return Path(__file__).parents[1]


def _shown(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
