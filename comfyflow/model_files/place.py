"""Where a model file is stored on disk: below the folder of models, whatever a workflow calls it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Final

from ..errors import ModelFileError
from ..saved_file import clean_name
from .folder import is_model_name
from .wanted import WantedModel

_DEEPEST: Final = 8
_HIDDEN: Final = re.compile(r"(^|/)\.")


def models_folder(comfyui: Path) -> Path:
    """The folder of models of a ComfyUI.

    Args:
        comfyui: Its folder, which has ``models``.

    Raises:
        ModelFileError: It has no folder ``models``.
    """
    models = comfyui / "models"
    if models.is_dir():
        return models
    if comfyui.name == "models" and comfyui.is_dir():
        raise ModelFileError(
            f"{comfyui} is the models folder itself; pass the ComfyUI folder above it: {comfyui.parent}"
        )
    raise ModelFileError(f"{comfyui} has no models folder; pass the ComfyUI folder")


def place(models: Path, file: WantedModel) -> Path | None:
    """Where a file goes, or None if that is refused; see `refused`."""
    return models.joinpath(*PurePosixPath(file.path).parts) if refused(file) is None else None


def refused(file: WantedModel) -> str | None:
    """Why a file is not written, or None.

    Its directory and name come from a workflow. They may lead into folders below the folder of models, and
    nowhere else; a link that is there is the user's own, and is followed.
    """
    if file.directory is None:
        return "its folder is not known"
    if not is_model_name(file.name):
        return "its suffix is not that of a model file"
    for what, text in (("directory", file.directory), ("name", file.name)):
        parts = text.split("/")
        if any(clean_name(part) != part or part in ("", ".", "..") for part in parts):
            return f"its {what} {text!r:.120} is outside the models folder, or is not a valid file name"
        if _HIDDEN.search(text) or len(parts) > _DEEPEST:
            return f"its {what} {text!r:.120} is hidden, or too deep"
    return None
