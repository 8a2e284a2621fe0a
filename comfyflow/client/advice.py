"""What to do where a server cannot be reached, or does not let us in."""

from __future__ import annotations

import ssl
from typing import Final

from .address import Address, redacted
from .flow import Answer, Request

_PLAIN_HTTP: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
"""Reasons of OpenSSL where what answers speaks no TLS."""
_OTHER_NAME: Final = frozenset({62, 64})
_EXPIRED: Final = 10
_NOT_YET: Final = 9
_USERS: Final = ("/api/settings", "/api/userdata", "/api/v2/userdata", "/api/users")
_EVERYWHERE: Final = ("/api/system_stats", "/api/object_info", "/api/prompt")
"""Routes of every ComfyUI: who has them not is none. Other servers give 405 to a POST."""
_MORE: Final = "see docs/connecting.md"


def for_connection(address: Address, error: BaseException, proxy: str | None) -> str:
    """What to do about an error of a connection; ``""`` where nobody can say.

    Args:
        address: The server.
        error: What httpx or websockets raised.
        proxy: The proxy that the connection goes through, or None.
    """
    import httpx

    tls = _tls_error(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return _for_certificate(tls)
    if tls is not None and address.scheme == "https" and _speaks_http(tls):
        return f"it does not speak TLS: write http://{address.url.removeprefix('https://')}"
    if proxy is not None and isinstance(
        error, (httpx.ProxyError, httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError)
    ):
        return (
            f"the way there leads through the proxy {redacted(proxy)}, which HTTP_PROXY, "
            f"HTTPS_PROXY, ALL_PROXY or proxy= names: is it there? "
            f'NO_PROXY={address.host} or proxy="" goes without it'
        )
    if address.scheme == "http" and isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError)):
        secure = f"https://{address.url.removeprefix('http://')}"
        if "illegal request line" in str(error) or "\\x15\\x03" in str(error):  # of an alert, h11 says
            return f"it speaks TLS: write {secure}"
        if "without sending a response" in str(error) or isinstance(error, httpx.ReadError):
            return f"if it speaks TLS, write {secure}"
    return ""


def for_answer(address: Address, request: Request, answer: Answer, signed: bool) -> str:
    """What to do about an error that a server answers; ``""`` where nobody can say.

    Args:
        address: The server.
        request: What was asked.
        answer: Its answer.
        signed: Whether credentials were sent with it.
    """
    if answer.status == 401:
        return _for_stranger(request, answer, signed)
    if answer.status == 403:
        return f"the server refuses; are the credentials right? {_MORE}"
    if answer.status == 407:
        return "the proxy wants credentials: http://NAME:PASSWORD@HOST:PORT in HTTP_PROXY or proxy="
    if answer.status == 413:
        return "too large for this server; it is started with --max-upload-size"
    if answer.status == 400 and address.scheme == "http" and b"https" in answer.content[:4096].lower():
        return f"it speaks TLS: write https://{address.url.removeprefix('http://')}"
    if answer.status in (404, 405) and request.path in _EVERYWHERE:
        return elsewhere(address)
    return ""


def elsewhere(address: Address) -> str:
    """What to do where an address has something, but no ComfyUI."""
    if address.base:
        return f"is {address.base} the path that the server is behind? {address.origin} answers"
    return f"if ComfyUI is behind a path there, write it too: {address.url}/comfy"


def _for_stranger(request: Request, answer: Answer, signed: bool) -> str:
    wanted = answer.headers.get("www-authenticate", "").lower()
    if not wanted and request.path.startswith(_USERS):
        return (
            "a server with several users wants to know which: Client(user=ID), --user ID or COMFYFLOW_USER; "
            "client.users() lists them"
        )
    if signed:
        first = "the server does not take the credentials that it was given"
    else:
        first = "the server wants credentials"
    if wanted.startswith("basic"):
        return f"{first}: a name and a password, as basic=, --basic or COMFYFLOW_BASIC; {_MORE}"
    if wanted.startswith("bearer"):
        return f"{first}: a token, as bearer=, --bearer or COMFYFLOW_BEARER; {_MORE}"
    return (
        f"{first}: bearer=, basic=, api_key= or token= of the client, --bearer, --basic, --api-key or "
        f"--token, COMFYFLOW_BEARER and so on, or write them into its address; {_MORE}"
    )


def _for_certificate(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _OTHER_NAME:
        return "its certificate is for another name: use the name that it is for"
    if error.verify_code in (_EXPIRED, _NOT_YET):
        return "its certificate is out of date (is this clock right?)"
    return (
        "nobody who is trusted here has signed its certificate: give the file of who did, or of the "
        'certificate itself, as verify="ca.pem", --ca ca.pem or COMFYFLOW_CA'
    )


def _speaks_http(error: ssl.SSLError) -> bool:
    said = f"{error.reason} {error}".upper().replace(" ", "_")
    return any(reason in said for reason in _PLAIN_HTTP)


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The error of TLS below an error of httpx."""
    for _ in range(10):
        if error is None or isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None
