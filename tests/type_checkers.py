"""mypy over what tests write, with the settings and the cache of ``make check``.

So the library, comfyflow and its reference package are read once, and not again by each test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".mypy_cache"


def mypy(*files: Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What ``mypy`` says of files, each error on a line of its own.

    Args:
        files: Modules and packages.
        folder: Where they find the modules that they import, beside those of this repository.
    """
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", "--no-color-output"]
    command += ["--show-absolute-path", f"--cache-dir={CACHE}", *map(str, files)]
    environment = {**os.environ, "MYPYPATH": "" if folder is None else str(folder)}
    CACHE.mkdir(exist_ok=True)
    with FileLock(CACHE / "tests.lock"):  # two processes at once would write one cache
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
