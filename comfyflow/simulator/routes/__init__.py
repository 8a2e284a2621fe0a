"""The HTTP side of a simulated server."""

from .app import make_app as make_app
