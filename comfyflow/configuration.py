"""Which server is meant where nobody names one: the environment, the config file, this machine."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .errors import ConfigurationError

DEFAULT_SERVER: Final = "http://127.0.0.1:8188"
SERVER_VARIABLE: Final = "COMFYFLOW_SERVER"
CONFIG_VARIABLE: Final = "COMFYFLOW_CONFIG"


@dataclass(frozen=True)
class NamedServer:
    """A server, and who named it.

    Attributes:
        url: Its address, as it was written: it may hold credentials.
        by: Who named it: ``--server``, ``COMFYFLOW_SERVER``, the config file, or ``the default``.
        is_default: Whether nobody did, so that it need not be there.
    """

    url: str
    by: str
    is_default: bool = False


def named_server(option: str | None = None) -> NamedServer:
    """The server in force: the option, ``COMFYFLOW_SERVER``, the config file, or this machine.

    Args:
        option: What ``--server`` says; None where it was not given.

    Raises:
        ConfigurationError: The option is empty, or the config file cannot be read.
    """
    if option is not None:
        if not option.strip():
            raise ConfigurationError("--server is empty; name a server: --server http://127.0.0.1:8188")
        return NamedServer(option, "--server")
    from_environment = os.environ.get(SERVER_VARIABLE, "").strip()
    if from_environment:
        return NamedServer(from_environment, SERVER_VARIABLE)
    from_file = read_config().get("server")
    if from_file is None:
        return NamedServer(DEFAULT_SERVER, "the default", is_default=True)
    if not isinstance(from_file, str) or not from_file.strip():
        raise ConfigurationError(f"{config_file()}: server is to be a text, not {from_file!r}")
    return NamedServer(from_file, str(config_file()))


def config_file() -> Path:
    """Where the config file is: ``comfyflow/config.toml`` in the user's folder for such files.

    It may hold ``server = "http://127.0.0.1:8188"``. ``COMFYFLOW_CONFIG`` names another file.
    """
    given = os.environ.get(CONFIG_VARIABLE)
    if given:
        return Path(given)
    if sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA", "~"))
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config")
    return folder.expanduser() / "comfyflow" / "config.toml"


def read_config() -> dict[str, Any]:
    """What the config file says; nothing where there is none.

    Raises:
        ConfigurationError: It cannot be read, or ``COMFYFLOW_CONFIG`` names none.
    """
    path = config_file()
    if not path.exists():
        if os.environ.get(CONFIG_VARIABLE):
            raise ConfigurationError(f"{CONFIG_VARIABLE} names {path}, and there is no such file")
        return {}
    # The standard library has it from Python 3.11 on; before, the package it came from.
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from None
    return found
