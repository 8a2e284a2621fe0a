"""The files in a server's input folder, as far as its combos tell."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from ..schema import InputSchema, Schema

_LISTS: Final = {
    "LoadImage": "image",
    "LoadImageMask": "image",
    "LoadAudio": "audio",
    "LoadVideo": "file",
    "LoadLatent": "latent",
    "Load3D": "model_file",
    "Load3DAdvanced": "model_file",
}
"""ComfyUI's own classes whose combo lists the input folder."""

_MESHES: Final = frozenset({".gltf", ".glb", ".obj", ".fbx", ".stl", ".spz", ".splat", ".ply", ".ksplat"})


def listed_files(schema: Schema) -> Iterator[str]:
    """The files of the server's input folder that its loaders list."""
    schema.expect(_LISTS)
    for class_type, name in _LISTS.items():
        node = schema.get(class_type)
        entry: InputSchema | None = node.by_name.get(name) if node is not None else None
        for choice in (entry.choices or ()) if entry is not None else ():
            if isinstance(choice, str) and choice != "none":
                yield choice


def find_file(name: str, listed: frozenset[str]) -> bool | None:
    """Whether a file that a prompt names is there, or None if the schema cannot tell.

    The combos list the top level of the input folder. So nothing is known about subfolders, and of 3D
    files, which are listed from one subfolder only. Nothing is listed of the output and temp
    folders: what no file list knows is taken as not there, as on the recorded servers. What lies
    outside the folders does not exist to the server.

    Args:
        name: The name, with or without `` [input]``, `` [output]`` or `` [temp]`` behind it.
        listed: What the combos list.
    """
    if name.endswith(("[output]", "[temp]")):
        return False
    if name.endswith("[input]"):
        name = name[: -len(" [input]")]
    path = posixpath.normpath(name) if name else "."
    if path == "." or path in listed:
        return True
    if path.startswith(("/", "../")) or path == "..":
        return False
    if "/" in path or posixpath.splitext(path)[1].lower() in _MESHES:
        return None
    return False
