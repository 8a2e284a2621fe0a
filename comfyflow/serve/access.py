"""Who may use a service: API keys, each with its own limits."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..bounds import MIB
from ..configuration import SERVE_KEY_VARIABLE, read_toml
from ..errors import ConfigurationError
from ..json_types import is_number, is_object
from ..nearest import did_you_mean
from .refusal import Refusal

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
_SHORTEST: Final = 16
"""Shorter keys can be guessed."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MEMBERS: Final = ("key", "sha256", "rate", "queue")
RATE: Final = 60.0
QUEUE: Final = 100
_UNLIMITED: Final = 1 << 31


@dataclass(frozen=True)
class ApiKey:
    """A client that may use the service.

    Attributes:
        name: The client's name; its jobs are kept under it.
        digest: The SHA-256 of the key.
        rate: How many jobs it may send per minute.
        queue: How many of its jobs may wait or run.
    """

    name: str
    digest: bytes
    rate: float = RATE
    queue: int = QUEUE


class Access:
    """Knows the API keys.

    Args:
        keys: The keys; if empty, everyone is admitted, without individual limits.
        clock: Seconds, monotonic.
    """

    def __init__(self, keys: Sequence[ApiKey] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = tuple(keys)
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    @property
    def is_open(self) -> bool:
        """Whether everyone is admitted."""
        return not self._keys

    def who(self, headers: Mapping[str, str]) -> ApiKey:
        """Identify the sender of a request.

        Args:
            headers: Its headers: ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``.

        Raises:
            Refusal: The key is missing or wrong.
        """
        if not self._keys:
            return _EVERYBODY
        kind, _, given = headers.get("authorization", "").partition(" ")
        given = given.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "").strip()
        if not given:
            raise Refusal(401, "no_key", "an API key is required: Authorization: Bearer KEY")
        digest = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        found: ApiKey | None = None
        for key in self._keys:  # compare all of them, so that the time reveals nothing
            if hmac.compare_digest(key.digest, digest):
                found = key
        if found is None:
            raise Refusal(401, "wrong_key", "unknown API key")
        return found

    def spend(self, key: ApiKey) -> None:
        """Count a job against a key's limit.

        Raises:
            Refusal: There were too many in the last minute.
        """
        if not self._keys:
            return
        most, now = max(key.rate, 1.0), self._clock()
        left, since = self._left.get(key.name, (most, now))
        left = min(most, left + (now - since) * key.rate / 60)
        if left < 1:
            wait = (1 - left) * 60 / key.rate
            raise Refusal(429, "too_many_jobs", f"more than {key.rate:g} jobs per minute", retry=wait)
        self._left[key.name] = (left - 1, now)

    def give_back(self, key: ApiKey) -> None:
        """Count one job less of a key: it was refused, or is one that had come before."""
        known = self._left.get(key.name)
        if known is not None:
            left, since = known
            self._left[key.name] = (min(max(key.rate, 1.0), left + 1), since)


_EVERYBODY: Final = ApiKey("", b"", float(_UNLIMITED), _UNLIMITED)


def read_keys(path: Path | None, environment: Mapping[str, str] = os.environ) -> tuple[ApiKey, ...]:
    """Read the API keys from a file and from the environment.

    Args:
        path: A TOML file with a table ``[keys.NAME]`` for each: ``key`` or its ``sha256``, and optionally
            ``rate`` (jobs per minute) and ``queue`` (jobs that wait or run); or None.
        environment: ``COMFYFLOW_SERVE_KEY`` in it is a key named ``default``.

    Raises:
        ConfigurationError: The file cannot be read, or is not valid.
    """
    found = _read(path) if path is not None else []
    given = environment.get(SERVE_KEY_VARIABLE, "")
    if given:
        found.append(_made("default", {"key": given}, SERVE_KEY_VARIABLE))
    for digest in {each.digest for each in found}:
        names = [each.name for each in found if each.digest == digest]
        if len(names) > 1:
            raise ConfigurationError(f"{' and '.join(names)} have the same API key")
    return tuple(found)


def _read(path: Path) -> list[ApiKey]:
    known = read_toml(path, MIB)
    table = known.get("keys")
    if set(known) != {"keys"} or not is_object(table) or not table:
        raise ConfigurationError(f"{path}: API keys must be under [keys.NAME], and nothing else may be")
    return [_made(name, entry, f"{path}: [keys.{name:.60}]") for name, entry in table.items()]


def _made(name: str, entry: object, where: str) -> ApiKey:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{where}: a name may have only letters, digits, '_', '-', '.' and '@'")
    if not is_object(entry):
        raise ConfigurationError(f"{where} must be a table")
    for member in entry:
        if member not in _MEMBERS:
            raise ConfigurationError(
                f"{where} has {member!r:.60}; {did_you_mean(member, _MEMBERS, 'it has key, rate, queue')}"
            )
    key, digest = entry.get("key"), entry.get("sha256")
    if isinstance(key, str) and digest is None:
        if len(key) < _SHORTEST:
            raise ConfigurationError(f"{where}: a key must have at least {_SHORTEST} characters")
        made = hashlib.sha256(key.encode()).digest()
    elif isinstance(digest, str) and key is None and _DIGEST.fullmatch(digest):
        made = bytes.fromhex(digest)
    else:
        raise ConfigurationError(f'{where} needs key = "…" or sha256 = "64 hexadecimal digits"')
    rate, queue = entry.get("rate", RATE), entry.get("queue", QUEUE)
    if not is_number(rate) or not 0 < rate <= _UNLIMITED:
        raise ConfigurationError(f"{where}: rate must be a number of jobs per minute above 0")
    if not isinstance(queue, int) or isinstance(queue, bool) or not 0 < queue <= _UNLIMITED:
        raise ConfigurationError(f"{where}: queue must be a whole number of jobs above 0")
    return ApiKey(name, made, float(rate), queue)
