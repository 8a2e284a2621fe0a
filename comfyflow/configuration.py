"""Which server to use if none is named: the environment's, the config file's, this machine's.

And which credentials go to it: `given_credentials`. ``docs/connecting.md`` has the whole rule.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .errors import ConfigurationError
from .json_types import array_or_empty, is_object
from .nearest import nearest

DEFAULT_SERVER: Final = "http://127.0.0.1:8188"
SERVER_VARIABLE: Final = "COMFYFLOW_SERVER"
SERVE_KEY_VARIABLE: Final = "COMFYFLOW_SERVE_KEY"
"""The environment variable that holds an API key of `comfyflow serve`."""
WEBHOOK_SECRET_VARIABLE: Final = "COMFYFLOW_WEBHOOK_SECRET"  # noqa: S105  # a name
"""The environment variable that holds what `comfyflow serve` signs webhooks with."""
CONFIG_VARIABLE: Final = "COMFYFLOW_CONFIG"


CREDENTIALS: Final = ("token", "bearer", "basic", "api_key", "user", "headers", "ca", "partner_api_key")
"""Settings that the environment and the config file may hold besides a server: ``COMFYFLOW_BEARER``, "
"``bearer``."""

_SETTINGS: Final = ("server", "servers", *CREDENTIALS)

_PREFIX: Final = "COMFYFLOW_"


@dataclass(frozen=True)
class GivenCredentials:
    """Credentials from the environment or the config file.

    Attributes:
        values: By name, see `CREDENTIALS`. They are never shown.
        headers: Further headers.
        by: Who gave them.
        server: The server that they are for, as it was written; None for whichever is used.
    """

    values: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    by: str
    server: str | None = field(repr=False)


@dataclass(frozen=True)
class NamedServer:
    """A server, and where its URL comes from.

    Attributes:
        url: Its address, as it was written: it may hold credentials.
        by: Who named it: ``--server``, ``COMFYFLOW_SERVER``, the config file, or ``the default``.
        is_default: Whether it is the default, which need not be running.
    """

    url: str = field(repr=False)
    by: str
    is_default: bool = False


def named_server(option: str | None = None) -> NamedServer:
    """The server to use: the option, ``COMFYFLOW_SERVER``, the config file, or this machine.

    Args:
        option: What ``--server`` says; None if it was not given.

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
        raise ConfigurationError(f"{config_file()}: server must be a string, not {from_file!r}")
    return NamedServer(from_file, str(config_file()))


def named_servers(options: Sequence[str] = ()) -> tuple[NamedServer, ...]:
    """The servers that share work: the options, ``COMFYFLOW_SERVER``, or the config file's ``servers``.

    Args:
        options: What ``--server`` says, each time that it is given.

    Raises:
        ConfigurationError: An option is empty, or the config file cannot be read.
    """
    if options:
        return tuple(map(named_server, options))
    listed = read_config().get("servers")
    if listed is None or os.environ.get(SERVER_VARIABLE, "").strip():
        return (named_server(),)
    urls = [url for url in array_or_empty(listed) if _is_text(url)]
    if not urls or len(urls) != len(listed):
        raise ConfigurationError(f"{config_file()}: servers must be a list of strings, not {listed!r:.80}")
    return tuple(NamedServer(url, str(config_file())) for url in urls)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def given_credentials() -> tuple[GivenCredentials, ...]:
    """The credentials of the config file and of the environment; what comes later goes first.

    Those of the config file are for the server that it names. Those of the environment are for
    ``COMFYFLOW_SERVER`` where that is set, else for the server that is used, however it was named.

    Raises:
        ConfigurationError: The config file cannot be read.
    """
    config = read_config()
    path = str(config_file())
    said = _texts({name: config[name] for name in CREDENTIALS if name in config and name != "headers"}, path)
    headers = config.get("headers", {})
    if not is_object(headers):
        raise ConfigurationError(f"{path}: headers must be a table")
    headers = _texts(headers, path)
    server = config.get("server", DEFAULT_SERVER)
    of_file = GivenCredentials(said, headers, path, server if isinstance(server, str) else DEFAULT_SERVER)
    found = {name: os.environ.get(_PREFIX + name.upper(), "").strip() for name in CREDENTIALS}
    values = {name: value for name, value in found.items() if value and name != "headers"}
    lines = [line for line in found["headers"].splitlines() if line.strip()]
    named = os.environ.get(SERVER_VARIABLE, "").strip() or None
    of_environment = GivenCredentials(
        values, read_headers(lines, f"{_PREFIX}HEADERS"), "the environment", named
    )
    return of_file, of_environment


def _texts(values: Mapping[str, Any], path: str) -> dict[str, str]:
    for name, value in values.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"{path}: {name} must be a string")
    return dict(values)


def read_headers(lines: Iterable[str], source: str) -> dict[str, str]:
    """Headers as people write them: ``X-Name: value``.

    Raises:
        ConfigurationError: One has no name.
    """
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ConfigurationError(f"{source} expects headers as NAME: VALUE")
        headers[name.strip()] = value.strip()
    return headers


def config_file() -> Path:
    """The path of the config file: ``comfyflow/config.toml`` in the user's folder for config

    files. It may hold ``server = "http://127.0.0.1:8188"``. ``COMFYFLOW_CONFIG`` names another file.
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
        ConfigurationError: It cannot be read, has an unknown setting, or
            ``COMFYFLOW_CONFIG`` names a missing file.
    """
    path = config_file()
    if not path.exists():
        if os.environ.get(CONFIG_VARIABLE):
            raise ConfigurationError(f"{CONFIG_VARIABLE} is set to {path}, which does not exist")
        return {}
    found = read_toml(path)
    for name in found:
        if name not in _SETTINGS:
            near = nearest(name, _SETTINGS)
            hint = f"did you mean {near}?" if near is not None else f"valid settings: {', '.join(_SETTINGS)}"
            raise ConfigurationError(f"{path}: unknown setting {name!r:.80}; {hint}")
    return found


def read_toml(path: Path, largest: int | None = None) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        path: The file.
        largest: How many bytes it may have; None for any number.

    Raises:
        ConfigurationError: It cannot be read, is larger, or is not TOML.
    """
    # The standard library has it from Python 3.11 on; before, the package it came from.
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        with path.open("rb") as file:
            data = file.read(-1 if largest is None else largest + 1)
        if largest is not None and len(data) > largest:
            raise ConfigurationError(f"{path} is larger than {largest:,} bytes")
        found: dict[str, Any] = tomllib.loads(data.decode())
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from None
    return found
