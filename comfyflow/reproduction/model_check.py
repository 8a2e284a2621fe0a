"""Whether a server's model files are those that a file's workflow lists, by their hashes.

The editor's workflow may list the hash of a model that a node loads (``properties.models``). A server does
not report hashes of its models, except one with assets, which computes BLAKE3. So a SHA-256 is compared only
where the server's ComfyUI folder can be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import ReproductionError, ServerError
from ..input_file import asset_hash, content_digest
from ..model_files.wanted import WantedModel, models_folder, place, refused, wanted_files

if TYPE_CHECKING:
    from ..client import Client
    from ..client.routes.asset_routes import Asset
    from ..schema import Schema

BLAKE3: Final = "blake3"
_LISTED: Final = 100


@dataclass(frozen=True)
class CheckedModel:
    """A model file that a prompt names, compared with the server's.

    Attributes:
        path: Its path below ``models``; ``?`` stands for a folder that is not known.
        name: Its path in that folder, as the prompt has it.
        hash_type: The kind of its hash: ``sha256``; None if the file's workflow lists none.
        listed: The hash that the workflow lists, or None.
        found: The hash of the server's file, or None.
        unknown: Why one of them is not known; ``""`` if both are.
        node_ids: The nodes that load it.
    """

    path: str
    name: str
    hash_type: str | None = None
    listed: str | None = None
    found: str | None = None
    unknown: str = ""
    node_ids: tuple[str, ...] = ()

    @property
    def same(self) -> bool | None:
        """Whether the server has the listed file; None if that is not known."""
        return None if self.listed is None or self.found is None else self.listed == self.found

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        hashed = "not known" if self.same is None else "checked" if self.same else "differs"
        return {
            "path": self.path,
            "hash": hashed,
            "hash_type": self.hash_type,
            "listed": self.listed,
            "found": self.found,
            "why": self.unknown or None,
            "node_ids": list(self.node_ids),
        }

    def __str__(self) -> str:
        if self.same is None:
            return f"{self.path}: hash not known: {self.unknown}"
        if self.same:
            return f"{self.path}: hash checked ({self.hash_type})"
        return (
            f"{self.path}: hash differs: the workflow lists the {self.hash_type} {self.listed}, and the "
            f"server's file has {self.found}"
        )


def check_models(
    prompt: Mapping[str, Any],
    editor: Mapping[str, Any] | None,
    classes: Schema,
    client: Client,
    comfyui: Path | None = None,
) -> list[CheckedModel]:
    """Compare the model files of a prompt with the server's, where hashes are known.

    Args:
        prompt: The prompt JSON.
        editor: The editor's workflow that the file carries, or None.
        classes: The prompt's node classes.
        client: The client of the server.
        comfyui: The server's ComfyUI folder, if it can be read here.

    Raises:
        ModelFileError: The folder is not that of a ComfyUI.
        ReproductionError: A model file cannot be read.
    """
    models = models_folder(comfyui) if comfyui is not None else None
    return [_checked(file, models, client) for file in wanted_files(prompt, editor, classes)]


def _checked(file: WantedModel, models: Path | None, client: Client) -> CheckedModel:
    node_ids = tuple(dict.fromkeys(use.node_id for use in file.uses if use.node_id))
    if file.hash is None:
        return CheckedModel(file.path, file.name, unknown="the file's workflow lists none", node_ids=node_ids)
    kind = file.hash_name
    if kind is None or not file.hash_is_valid:
        why = f"the workflow lists {file.hash!r:.80}, which is not a valid {file.hash_type or 'SHA256'}"
        return CheckedModel(file.path, file.name, unknown=why, node_ids=node_ids)
    listed = file.hash.lower().removeprefix(f"{BLAKE3}:")
    found, why = _on_disk(file, kind, models) if models is not None else (None, "")
    if found is None and kind == BLAKE3:
        found, told = _on_server(file, client)
        why = why or told
    elif found is None and not why:
        why = "the server does not report it (--comfyui FOLDER reads the server's files)"
    return CheckedModel(file.path, file.name, kind, listed, found, "" if found is not None else why, node_ids)


def _on_disk(file: WantedModel, kind: str, models: Path) -> tuple[str | None, str]:
    """The hash of a file in a folder of models; or None, and why."""
    path = place(models, file)
    if path is None:
        return None, refused(file) or ""
    if not path.is_file():
        return None, f"{path} does not exist"
    try:
        digest = asset_hash(path) if kind == BLAKE3 else _digest(path, kind)
    except OSError as error:
        raise ReproductionError(f"cannot read {path}: {error.strerror}") from None
    if digest is None:
        return None, "it needs the package blake3: pip install blake3"
    return digest.removeprefix(f"{BLAKE3}:"), ""


def _digest(path: Path, kind: str) -> str:
    return content_digest(path, hashlib.new(kind, usedforsecurity=False))


def _on_server(file: WantedModel, client: Client) -> tuple[str | None, str]:
    """The hash that a server with assets has computed of a model; or None, and why."""
    last = file.name.rpartition("/")[2]
    try:
        page = client.assets(tags_all=("models",), name_contains=last, limit=_LISTED)
    except ServerError as error:
        if error.status not in (400, 404, 503):
            raise
        return None, "the server lists no assets (it runs without --enable-assets)"
    there = [entry for entry in page.assets if _is_for(entry, file)]
    hashes = {entry.hash.removeprefix(f"{BLAKE3}:") for entry in there if entry.hash is not None}
    if len(hashes) == 1:
        return hashes.pop(), ""
    if hashes:
        return None, f"the server lists {len(hashes)} different files of that name"
    if there:
        return None, "the server has not computed it"
    return None, "the server does not list it among its assets"


def _is_for(entry: Asset, file: WantedModel) -> bool:
    """Whether an asset is the file that a loader finds under a name."""
    name = entry.loader_path if entry.loader_path is not None else entry.name
    if name.replace("\\", "/") not in (file.name, file.name.rpartition("/")[2]):
        return False
    # Servers from 0.33 on write model_type:checkpoints, older ones checkpoints.
    return file.directory is None or not {file.directory, f"model_type:{file.directory}"}.isdisjoint(
        entry.tags
    )
