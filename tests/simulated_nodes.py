"""Prompts of core nodes for the simulator, and what comes out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from comfyflow.simulator import Simulator
from tests.simulated import Prompt, outputs


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def empty(width: int = 8, height: int = 4, color: int = 0xFF0000, batch: int = 1) -> dict[str, Any]:
    return node("EmptyImage", width=width, height=height, batch_size=batch, color=color)


def mask(value: float, width: int = 8, height: int = 4) -> dict[str, Any]:
    return node("SolidMask", value=value, width=width, height=height)


def images(server: Simulator, prompt: Prompt, source: str = "x", slot: int = 0) -> list[Image.Image]:
    """The pictures that a node gives."""
    shown = node("PreviewImage", images=[source, slot])
    files = outputs(server, {**prompt, "shown": shown})["shown"]["images"]
    return [opened(server.folders.of(file["type"]) / file["filename"]) for file in files]


def opened(path: Path) -> Image.Image:
    with Image.open(path) as found:
        found.load()
        return found.copy()


def image(server: Simulator, prompt: Prompt, slot: int = 0) -> Image.Image:
    (only,) = images(server, prompt, slot=slot)
    return only


def mask_of(server: Simulator, prompt: Prompt, slot: int = 0) -> np.ndarray[Any, Any]:
    """A mask that a node gives, in levels from 0 to 255."""
    shown = images(server, {**prompt, "grey": node("MaskToImage", mask=["x", slot])}, "grey")
    return np.asarray(shown[0])[..., 0]


def text(server: Simulator, prompt: Prompt, slot: int = 0) -> str:
    """What a node gives, as text."""
    found: str = outputs(server, {**prompt, "shown": node("PreviewAny", source=["x", slot])})["shown"][
        "text"
    ][0]
    return found
