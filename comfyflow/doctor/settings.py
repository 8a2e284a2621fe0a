"""The config file, the environment, and the cache."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final

from ..bounds import VARIABLE as BOUNDS_VARIABLE
from ..bounds import Bounds, readable
from ..cache_folder import VARIABLE as CACHE_VARIABLE
from ..cache_folder import folder_in_force
from ..configuration import (
    CONFIG_VARIABLE,
    CREDENTIALS,
    SERVE_KEY_VARIABLE,
    SERVER_VARIABLE,
    WEBHOOK_SECRET_VARIABLE,
    config_file,
    given_credentials,
    read_config,
)
from ..errors import ComfyflowError
from ..nearest import nearest
from .diagnosis import Diagnosis

_PREFIX: Final = "COMFYFLOW_"
_OF_TESTS: Final = frozenset({"COMFYFLOW_UPDATE_EXAMPLES", "COMFYFLOW_PARITY_DATA"})
VARIABLES: Final = frozenset(
    {
        SERVER_VARIABLE,
        SERVE_KEY_VARIABLE,
        WEBHOOK_SECRET_VARIABLE,
        CONFIG_VARIABLE,
        BOUNDS_VARIABLE,
        CACHE_VARIABLE,
    }
    | {_PREFIX + name.upper() for name in CREDENTIALS}
)
"""The variables of the environment that are read."""


def settings() -> Iterator[Diagnosis]:
    """The diagnoses of the config file, of the environment and of the cache; no credential is shown."""
    yield _config()
    yield from _environment()
    yield _cache()


def _config() -> Diagnosis:
    path = config_file()
    try:
        found = read_config()
        given_credentials()
    except ComfyflowError as error:
        return Diagnosis("config file", "problem", str(error), f"correct {path} or remove it")
    if not path.exists():
        return Diagnosis("config file", "ok", f"none; it would be {path}")
    said = f"{path} ({', '.join(sorted(found)) or 'empty'})"
    if os.name == "posix" and set(found) & set(CREDENTIALS):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            message = f"{said} holds credentials and is readable by other users of this machine"
            return Diagnosis("config file", "warning", message, f"chmod 600 {path}")
    return Diagnosis("config file", "ok", said)


def _environment() -> Iterator[Diagnosis]:
    given = sorted(name for name in os.environ if name.startswith(_PREFIX))
    unknown = [name for name in given if name not in VARIABLES | _OF_TESTS]
    for name in unknown:
        near = nearest(name, VARIABLES)
        cure = (
            f"rename it to {near}"
            if near is not None
            else f"unset it; valid variables: {', '.join(sorted(VARIABLES))}"
        )
        yield Diagnosis("environment", "warning", f"{name} is set, but nothing reads it", cure)
    try:
        Bounds.from_environment()
    except ComfyflowError as error:
        yield Diagnosis("environment", "problem", str(error), f"correct {BOUNDS_VARIABLE}, or unset it")
        return
    if not unknown:
        yield Diagnosis("environment", "ok", ", ".join(given) or "no comfyflow variable is set")


def _cache() -> Diagnosis:
    folder = folder_in_force()
    if folder is None:
        return Diagnosis("cache", "ok", "caching is off")
    if not folder.exists():
        return Diagnosis("cache", "ok", f"{folder} does not exist yet")
    elsewhere = f"make it a writable folder or name another one: {CACHE_VARIABLE}=DIR"
    if not folder.is_dir():
        return Diagnosis("cache", "warning", f"{folder} is not a folder, so nothing is cached", elsewhere)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Diagnosis("cache", "warning", f"{folder} is not writable, so nothing is cached", elsewhere)
    sizes = [path.stat().st_size for path in folder.rglob("*.entry") if path.is_file()]
    return Diagnosis("cache", "ok", f"{folder} has {len(sizes)} entries, {readable(sum(sizes))}")
