"""GLB: a small 3D model, a cube, whatever was asked for."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

_CORNERS: Final = tuple((x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5))
_SIDES: Final = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def encode_glb(extras: Mapping[str, Any]) -> bytes:
    """A GLB file with a cube.

    Args:
        extras: What the file says of itself.
    """
    points = b"".join(struct.pack("<3f", *corner) for corner in _CORNERS)
    triangles = [index for a, b, c, d in _SIDES for index in (a, b, c, a, c, d)]
    indexes = struct.pack(f"<{len(triangles)}H", *triangles)
    scene = {
        "asset": {"version": "2.0", "generator": "comfyflow simulator", "extras": dict(extras)},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "buffers": [{"byteLength": len(points) + len(indexes)}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": len(points), "target": 34962},
            {"buffer": 0, "byteOffset": len(points), "byteLength": len(indexes), "target": 34963},
        ],
        "accessors": [
            {
                "bufferView": 0, "componentType": 5126, "count": len(_CORNERS), "type": "VEC3",
                "min": [-0.5, -0.5, -0.5], "max": [0.5, 0.5, 0.5],
            },
            {"bufferView": 1, "componentType": 5123, "count": len(triangles), "type": "SCALAR"},
        ],
    }  # fmt: skip
    text = _chunk(b"JSON", json.dumps(scene).encode(), b" ")
    binary = _chunk(b"BIN\0", points + indexes, b"\0")
    body = text + binary
    return b"glTF" + struct.pack("<2I", 2, len(body) + 12) + body


def _chunk(kind: bytes, data: bytes, filler: bytes) -> bytes:
    data += filler * (-len(data) % 4)
    return struct.pack("<I", len(data)) + kind + data
