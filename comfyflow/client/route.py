"""How addresses of routes are put together."""

from __future__ import annotations

from urllib.parse import quote


def segment(text: str) -> str:
    """A text as one segment of a path: slashes and dots in it cannot make it another route."""
    quoted = quote(text, safe="", errors="surrogatepass")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted
