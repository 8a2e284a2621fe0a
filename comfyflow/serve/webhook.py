"""Webhooks: an address is notified of the end of a job, signed, until it is delivered.

Messages follow Standard Webhooks (https://www.standardwebhooks.com): ``webhook-id``, ``webhook-timestamp``
and ``webhook-signature``, which is the HMAC-SHA256 of both and the body. The ledger records which are due.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx

from ..errors import ConfigurationError
from ..public_address import ip_address, is_public
from ..timeout import within
from .job_ledger import Delivery, JobLedger, KnownJob
from .refusal import Refusal

T = TypeVar("T")

PAUSES: Final = (5.0, 30.0, 120.0, 600.0, 3600.0, 14_400.0, 43_200.0)
"""Seconds before each further attempt; after the last one the message is dropped."""

LONGEST_URL: Final = 2000
_SECONDS: Final = 15.0
"""How long an attempt may take."""
_AT_ONCE: Final = 8
_IDLE: Final = 60.0
_GONE: Final = 410
_SHORTEST: Final = 16
_PREFIX: Final = "whsec_"
_LOG: Final = logging.getLogger("comfyflow.serve")


class Asked(Protocol):
    """Queries the ledger; see `Service.ask`."""

    async def __call__(self, act: Callable[[JobLedger], T]) -> T: ...  # noqa: D102


@dataclass(frozen=True, repr=False)  # it contains a secret
class WebhookOptions:
    """How webhooks are sent.

    Attributes:
        secret: The secret that messages are signed with; without one, none are sent.
        allow_private: Whether addresses of this machine and its network are allowed.
    """

    secret: bytes = b""
    allow_private: bool = False

    @classmethod
    def of(cls, secret: str, *, allow_private: bool) -> WebhookOptions:
        """Make the options from a configured secret.

        Args:
            secret: ``whsec_`` and base64, or any string of at least 16 characters; empty for none.
            allow_private: See `WebhookOptions`.

        Raises:
            ConfigurationError: It is too short, or not base64.
        """
        made = secret.encode()
        if secret.startswith(_PREFIX):
            try:
                made = base64.b64decode(secret[len(_PREFIX) :], validate=True)
            except binascii.Error:
                raise ConfigurationError("the webhook secret after whsec_ is not base64") from None
        if secret and len(made) < _SHORTEST:
            raise ConfigurationError(f"the webhook secret must have at least {_SHORTEST} characters")
        return cls(made, allow_private)

    def check(self, url: str) -> str:
        """Check that an address is allowed, as far as the address itself shows.

        Args:
            url: The address.

        Raises:
            Refusal: It is not allowed.
        """
        if not self.secret:
            raise Refusal(
                422, "no_webhooks", "this service sends no webhooks: it has no secret to sign them with"
            )
        host = _host(url)
        if not host:
            raise Refusal(
                422, "bad_webhook", "Webhook-URL must be http://HOST/… or https://HOST/… without a password"
            )
        if ip_address(host) is not None and not self.may_tell(host):
            raise Refusal(422, "private_webhook", _private(host))
        return url

    def may_tell(self, address: str) -> bool:
        """Whether an IP address is allowed.

        Args:
            address: The address.
        """
        found = ip_address(address)
        return self.allow_private or (found is not None and is_public(found))


def _host(url: str) -> str:
    """The host of an address; empty if nothing can be sent there."""
    try:
        parts = urlsplit(url)
        httpx.URL(url)
        well = (
            parts.scheme in ("http", "https")
            and parts.port != 0
            and "@" not in parts.netloc
            and "\\" not in url
        )
    except (ValueError, httpx.InvalidURL):
        return ""
    return (parts.hostname or "") if well else ""


def _private(host: str) -> str:
    return f"{host[:100]} is not a public address; `comfyflow serve --allow-private-webhooks` allows it"


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message, for ``webhook-signature``.

    Args:
        secret: The secret.
        message_id: ``webhook-id``.
        timestamp: ``webhook-timestamp``.
        body: The body.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


class Webhooks:
    """Notifies webhooks of the ends of jobs.

    Args:
        options: How to send them.
        ask: Queries the ledger.
        told: Returns the description of a job.
        pauses: See `PAUSES`.
    """

    def __init__(
        self,
        options: WebhookOptions,
        ask: Asked,
        told: Callable[[KnownJob], dict[str, Any]],
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self.options: Final = options
        self._ask = ask
        self._told = told
        self._pauses = pauses
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Make it check the ledger, because a job has ended."""
        self._news.set()

    async def run(self) -> None:
        """Send due messages for as long as the service runs."""
        while True:
            self._news.clear()
            pause = _IDLE
            try:
                due = await self._ask(lambda ledger: ledger.due_deliveries(time.time(), _AT_ONCE))
                if due:
                    await asyncio.gather(*map(self._tell, due))
                    continue
                following = await self._ask(lambda ledger: ledger.next_delivery())
                if following is not None:
                    pause = min(max(following - time.time(), 0.0), _IDLE)
            except Exception as error:  # noqa: BLE001  # one failed message must not stop the others
                _LOG.warning("webhooks are delayed: %s: %s", type(error).__name__, error)
                pause = 1.0
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._news.wait(), pause)

    async def _tell(self, delivery: Delivery) -> None:
        try:
            known = await self._ask(lambda ledger: ledger.job_of_row(delivery.row))
            if known is None or known.job.webhook is None:
                return
            told = {"type": f"job.{delivery.state}", "timestamp": delivery.created, "data": self._told(known)}
            answer = await within(self.send(known.job.webhook, delivery.id, told), _SECONDS)
        except asyncio.TimeoutError:
            answer = "too slow"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            answer = f"{type(error).__name__}: {error}"[:200]
        except Refusal as error:
            answer = error.detail
        done = answer.startswith("2") or answer == str(_GONE) or delivery.attempts >= len(self._pauses)
        due = None if done else time.time() + self._pauses[delivery.attempts]
        await self._ask(lambda ledger: ledger.told(delivery.id, due, answer))

    async def send(self, url: str, message_id: str, told: object) -> str:
        """Send one message; returns the status of the answer.

        The name is resolved once, and the connection goes to the address that was checked: a name may resolve
        to something else a moment later.

        Args:
            url: The address.
            message_id: The id of the message, which is the same in each attempt.
            told: The content.

        Raises:
            Refusal: The address is not allowed.
            httpx.HTTPError: It cannot be reached.
            OSError: The name does not exist.
        """
        self.options.check(url)
        parts = httpx.URL(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(parts.host, port, type=1)
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        if not addresses or not all(map(self.options.may_tell, addresses)):
            raise Refusal(422, "private_webhook", _private(parts.host))
        body = json.dumps(told).encode()
        now = int(time.time())
        headers = {
            "Host": parts.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "comfyflow",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self.options.secret, message_id, now, body),
        }
        extensions: dict[str, Any] = {"sni_hostname": parts.raw_host.decode("ascii")}
        # No proxy, which would resolve the name itself; no redirect, which may lead anywhere.
        async with (
            httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=_SECONDS) as client,
            client.stream(
                "POST",
                parts.copy_with(host=addresses[0]),
                content=body,
                headers=headers,
                extensions=extensions,
            ) as answer,
        ):
            return str(answer.status_code)
