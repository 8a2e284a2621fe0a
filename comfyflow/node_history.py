"""What happened to ComfyUI's own node classes from release to release.

The facts are in ``node_history.json``, which ``tools/node_history.py`` writes from the /object_info
of the releases that are known. Read only where something is generated, is missing or is migrated.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from .nearest import nearest

REPLACED: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "ConditioningAverage ": ("ConditioningAverage", {}),
    "Load3DAnimation": ("Load3D", {}),
    "Preview3DAnimation": ("Preview3D", {}),
    "SDV_img2vid_Conditioning": ("SVD_img2vid_Conditioning", {}),
    "T2IAdapterLoader": ("ControlNetLoader", {"control_net_name": "t2i_adapter_name"}),
}
"""Old class to new class, and new input to old input: what ComfyUI replaces itself, as in 0.27.0."""

_FILE: Final = Path(__file__).with_name("node_history.json")


@cache
def releases() -> Mapping[str, Mapping[str, Any]]:
    """What each known release changed, by its version, the oldest first."""
    found: dict[str, Mapping[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def older_defaults(class_type: str) -> Mapping[str, Any]:
    """The defaults that inputs of a class of ComfyUI's had in an older release and then lost, by name."""
    return _older_defaults().get(class_type, {})


@cache
def _older_defaults() -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for release in releases().values():
        for class_type, changed in release["changed"].items():
            for name, lost in changed.get("inputs", {}).items():
                if "default" in lost:
                    found.setdefault(class_type, {})[name] = lost["default"]
    return found


def dropped_nodes(python_module: str) -> frozenset[str]:
    """The classes of one of ComfyUI's modules that some known release dropped."""
    return frozenset(
        name
        for release in releases().values()
        for name, gone in release["gone"].items()
        if gone["module"] == python_module
    )


def dropped(class_type: str) -> str | None:
    """What there is to say about a class that ComfyUI dropped: when, and what does most of what it did.

    Args:
        class_type: A class's name. None is returned where no known release dropped it.
    """
    for version, release in reversed([*releases().items()]):
        gone = release["gone"].get(class_type)
        if gone is not None:
            said = f"ComfyUI {version} no longer has it ({release['after']} did)"
            if class_type in REPLACED:
                return f"{said}; the server replaces it with {REPLACED[class_type][0]}"
            near = successor(class_type)
            return f"{said}; {near} accepts most of its inputs" if near else f"{said}, and nothing similar"
    return None


def successor(class_type: str) -> str | None:
    """The class that does most of what a class that was dropped did, in the newest known release."""
    name: str | None = class_type
    for release in releases().values():
        gone = release["gone"].get(name)
        if gone is not None:
            name = REPLACED[class_type][0] if name in REPLACED else gone.get("near")
    return name if name != class_type else None


def renamed_choices(alias: str) -> str | None:
    """What a list of choices that had an alias in an older release is called in the newest.

    Args:
        alias: A name that ``choices`` of an older reference package has.

    Returns:
        Its name; ``""`` if the nodes that used the list no longer have it; None for a name that
        no release changed.
    """
    name: str | None = None
    for release in releases().values():
        name = release["aliases"].get(alias if name is None else name, name)
    return name


def missing_node(
    package: str, name: str, known: Collection[str], former: Mapping[str, str] | None = None
) -> Exception:
    """The error for a name that is in no generated module: what happened to it, or the nearest one.

    Args:
        package: The module that it was looked for in.
        name: The name.
        known: The names that are there.
        former: What comfyflow 0.1 called classes, and what they are called now.

    Returns:
        An ImportError where it is known what happened to it: of an AttributeError, ``from … import``
        would not show the message.
    """
    if former is not None and name in former:
        return ImportError(f"{package}.{name} is now called {former[name]}")
    if name.startswith("__"):
        return AttributeError(f"module {package!r} has no attribute {name!r}")
    gone = dropped(name)
    if gone is not None:
        return ImportError(
            f"{package} has no node {name!r}: {gone}. `comfyflow migrate` lists all names like it"
        )
    near = nearest(name, known)
    hint = f"; did you mean {near!r}?" if near is not None else ""
    return AttributeError(f"{package} has no node {name!r}{hint}")


def missing_choices(module: str, name: str, there: Mapping[str, object]) -> Exception:
    """The error for an alias of a list of choices that does not exist.

    Args:
        module: The module that it was looked for in.
        name: The alias.
        there: What is there.

    Returns:
        An ImportError where it is known what happened to it, as with `missing_node`.
    """
    now = renamed_choices(name)
    if now and now in there:
        return ImportError(f"{module}.{name} is now called {now}")
    if now is not None:
        return ImportError(f"{module} no longer has {name!r}: no node of this release has those choices")
    known = [known for known in there if not known.startswith("_")]
    near = nearest(name, known)
    hint = f"; did you mean {near!r}?" if near is not None else ""
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}")
