"""What a simulator is told to be or to do: a mistake would only change what happens, so it is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..errors import SimulatorError
from ..json_types import is_object
from ..model_files.folder import LOADERS
from ..nearest import did_you_mean, nearest
from ..number import read_seconds
from ..option import read_texts
from .folders import Installed

_ALMOST: Final = 0.88
"""``lora`` is that near to ``loras``; ``controlnet_aux``, as packs name their folders, to none."""


def duration(value: object, name: str) -> float:
    """A number of seconds.

    Raises:
        SimulatorError: It is not one, negative or too large.
    """
    try:
        return read_seconds(value, name)
    except (TypeError, ValueError) as error:
        raise SimulatorError(str(error)) from None


def installed(models: Any, more: Iterable[str]) -> Installed:
    """Which model files there are.

    A folder may have any name, because packs have their own folders, but not almost the name of one of
    ComfyUI's: no loader would look there.

    Args:
        models: What was given.
        more: Kinds of model files beside those of every version.

    Raises:
        SimulatorError: It is something else, or a folder's name is misspelt.
    """
    if isinstance(models, str):
        if models not in ("any", "listed"):
            hint = did_you_mean(models, ("any", "listed"), "or a dictionary of folders and their files")
            raise SimulatorError(f"models must be 'any' or 'listed', not {models!r}; {hint}")
        return "any" if models == "any" else "listed"
    if not is_object(models):
        raise SimulatorError(
            f"models must be 'any', 'listed', or the files of each folder, not {models!r:.100}; "
            'write {"checkpoints": ["a.safetensors"]}'
        )
    known = (*LOADERS, *more)
    folders: Mapping[Any, Any] = models
    for folder, names in folders.items():
        if not isinstance(folder, str):
            raise SimulatorError(f"models must have the names of folders, not {folder!r:.100}")
        near = None if folder in known else nearest(folder, known, cutoff=_ALMOST)
        if near is not None and not folder[-1:].isdigit():
            raise SimulatorError(f"ComfyUI has no model folder {folder!r}; did you mean {near!r}?")
        try:
            read_texts(names, f"the files of {folder!r}", "names")
        except TypeError as error:
            raise SimulatorError(str(error)) from None
    return folders


def known_class(class_type: str | None, known: Mapping[str, Any]) -> str | None:
    """A class of the simulator, or None for any.

    Args:
        class_type: What was given.
        known: The classes of the simulator.

    Raises:
        SimulatorError: It has no such class.
    """
    if class_type is None or class_type in known:
        return class_type
    hint = did_you_mean(str(class_type), known, "define it first, with simulate")
    raise SimulatorError(f"the simulator has no node class {class_type!r}; {hint}")
