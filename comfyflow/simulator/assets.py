"""The assets of a simulated server: what is in its folders, and what was uploaded as one.

As ComfyUI 0.33.0 does with ``--enable-assets``. Content is hashed where it was uploaded as an asset,
which needs the package ``blake3``, as on a real server.
"""

from __future__ import annotations

import mimetypes
import os
import re
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from .folders import Folders

ROOTS: Final = ("input", "output")
HASH: Final = re.compile(r"blake3:[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredAsset:
    """A file on the list.

    Attributes:
        id: Of this entry.
        name: What it is called.
        path: Where it is; None for a second entry of content that is there already.
        tags: Its tags.
        size: In bytes.
        created: When it was listed, in seconds since 1970.
        hash: ``blake3:…``, where it is known.
    """

    id: str
    name: str
    path: Path | None
    tags: tuple[str, ...]
    size: int
    created: float
    hash: str | None = None

    def to_json(self, folders: Folders) -> dict[str, Any]:
        """The asset as a server tells it; what is unknown is left out."""
        when = datetime.fromtimestamp(self.created, timezone.utc).replace(tzinfo=None).isoformat()
        told: dict[str, Any] = {"id": self.id, "name": self.name}
        if self.hash is not None:
            told |= {"hash": self.hash, "asset_hash": self.hash}
        kind = mimetypes.guess_type(self.path.name if self.path is not None else self.name)[0]
        if self.path is not None:
            root = next(root for root in ROOTS if folders.of(root) in self.path.parents)
            inside = self.path.relative_to(folders.of(root)).as_posix()
            told |= {"loader_path": inside, "display_name": inside}
            if kind is not None and kind.startswith(("image/", "video/", "audio/", "text/")):
                told["preview_url"] = _view_url(root, inside)
        if kind is not None:
            told["mime_type"] = kind
        told |= {"size": self.size, "tags": list(self.tags), "user_metadata": {}, "is_immutable": False}
        return {**told, "created_at": when, "updated_at": when}


class Assets:
    """All assets of one server.

    Args:
        folders: Its folders.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._uploaded: dict[Path, StoredAsset] = {}
        self._more: list[StoredAsset] = []

    def __iter__(self) -> Iterator[StoredAsset]:
        for root in ROOTS:
            base = self._folders.of(root)
            for folder, _, names in os.walk(base):
                for name in names:
                    path = Path(folder) / name
                    if not name.startswith("."):
                        yield self._uploaded.get(path) or _found(path, root, base)
        yield from self._more

    def has(self, digest: str) -> bool:
        """Whether some asset has this content."""
        return any(asset.hash == digest for asset in self)

    def add(self, digest: str, name: str, tags: Collection[str]) -> StoredAsset | None:
        """List content once more that is there; None if it is not."""
        known = next((asset for asset in self if asset.hash == digest), None)
        if known is None:
            return None
        now = datetime.now(timezone.utc).timestamp()
        made = StoredAsset(str(uuid.uuid4()), name, None, tuple(tags), known.size, now, digest)
        self._more.append(made)
        return made

    def store(self, data: bytes, digest: str, name: str, filename: str, tags: Collection[str]) -> StoredAsset:
        """Write new content under its hash, in the folder that a tag names.

        Raises:
            ValueError: Not just one of the tags names a folder.
        """
        roots = [tag for tag in tags if tag in (*ROOTS, "models")]
        if len(roots) != 1 or roots[0] == "models":
            raise ValueError("uploads require exactly one destination role: input, models, or output")
        suffix = Path(filename).suffix
        path = self._folders.inside(self._folders.of(roots[0]), digest.partition(":")[2] + suffix)
        path.write_bytes(data)
        now = datetime.now(timezone.utc).timestamp()
        asset = StoredAsset(str(uuid.uuid4()), name, path, (*tags, "uploaded"), len(data), now, digest)
        self._uploaded[path] = asset
        return asset


def _found(path: Path, root: str, base: Path) -> StoredAsset:
    status = path.stat()
    made = uuid.uuid5(uuid.NAMESPACE_URL, f"{root}/{path.relative_to(base).as_posix()}")
    return StoredAsset(str(made), path.name, path, (root,), status.st_size, status.st_mtime)


def _view_url(root: str, inside: str) -> str:
    folder, _, name = inside.rpartition("/")
    url = f"/api/view?type={root}&filename={quote(name, safe='')}"
    return f"{url}&subfolder={quote(folder, safe='')}" if folder else url
