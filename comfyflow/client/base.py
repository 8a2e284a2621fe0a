"""What the two clients have in common."""

from __future__ import annotations

from typing import Any

from ..output_file import OutputFile
from .core import Core
from .file_routes import view_url
from .result import Resolver


class BaseClient:
    """A client, apart from how it waits.

    Args:
        core: What it is.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._resolvers: dict[Any, Resolver[Any, Any]] = {}

    @property
    def url(self) -> str:
        """The server's address, without credentials."""
        return self._core.address.url

    @property
    def client_id(self) -> str:
        """The id under which the server knows the socket."""
        return self._core.client_id

    @property
    def connected(self) -> bool:
        """Whether the socket is open now."""
        return self._core.hub.connected

    def register(self, resolver: Resolver[Any, Any]) -> None:
        """Have ``result.resolve(node)`` make this of the outputs of a node class.

        Args:
            resolver: Made by `comfyflow.client.resolver`.
        """
        self._resolvers[resolver.node_class] = resolver

    def view_url(
        self,
        filename: str,
        *,
        subfolder: str = "",
        type: str = "output",  # noqa: A002  # the server's word
        preview: str | None = None,
        channel: str | None = None,
    ) -> str:
        """The address of a file of the server, without credentials.

        Args:
            filename: Its name.
            subfolder: The folder below `type`.
            type: ``output``, ``input`` or ``temp``.
            preview: ``webp`` or ``jpeg``, with ``;`` and a quality: a smaller picture.
            channel: ``rgb``, ``rgba`` or ``a``: only these channels, as PNG.
        """
        return view_url(self._core, filename, subfolder, type, preview, channel)

    def url_of(self, file: OutputFile) -> str:
        """For `OutputFile.url`."""
        return self.view_url(file.name, subfolder=file.subfolder, type=file.type)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.url}>"
