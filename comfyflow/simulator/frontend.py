"""ComfyUI's editor on top of the simulator: where its files are, and how it starts there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ..errors import SimulatorError

PACKAGE: Final = "comfyui_frontend_package"
SETTINGS: Final[Mapping[str, object]] = {
    # There are no templates, and a first start opens their list.
    "Comfy.TutorialCompleted": True,
    # Else the editor asks the internet for releases.
    "Comfy.Notification.ShowVersionUpdates": False,
}
"""What the editor's settings are on a simulator, until someone changes them."""


def frontend_folder(wanted: bool | str | os.PathLike[str]) -> Path | None:
    """The folder of the editor's files.

    Args:
        wanted: True: that of the installed package ``comfyui-frontend-package``. False: none. Else a
            folder: the package's ``static``, or your own build.

    Raises:
        SimulatorError: The package is not installed, or there is no ``index.html`` in the folder.
    """
    if wanted is False:
        return None
    folder = _installed() if wanted is True else Path(wanted).resolve()
    if not (folder / "index.html").is_file():
        raise SimulatorError(
            f"{folder} has no index.html: pass the folder of the editor's files, `static` in the "
            "package comfyui-frontend-package"
        )
    return folder


def _installed() -> Path:
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise SimulatorError(
            "ComfyUI's editor is not installed: pip install 'comfyflow-dsl[editor]' "
            "(or any version of it: pip install comfyui-frontend-package)"
        )
    return Path(next(iter(places))).resolve() / "static"
