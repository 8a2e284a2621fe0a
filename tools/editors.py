"""Installs releases of ComfyUI's editor side by side, for the tests that drive it.

    python -m tools.editors 1.45.20 1.58.1

The package is GPL: it comes from PyPI into the virtual environment, and is not part of this repository.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(sys.prefix) / "editors"
TESTED: Final = ("1.45.20", "1.49.6", "1.58.1")
"""The releases that the tests drive."""


def install(version: str) -> None:
    """Install a release, unless it is there."""
    folder = FOLDER / version
    if (folder / "comfyui_frontend_package" / "static" / "index.html").is_file():
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, f"comfyui-frontend-package=={version}"], check=True)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or TESTED:
        install(wanted)
