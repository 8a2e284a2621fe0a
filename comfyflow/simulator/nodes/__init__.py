"""What the core nodes do in the simulator."""

from ..node_function import NodeLibrary
from . import (
    audio_nodes,
    batch_nodes,
    color_nodes,
    image_nodes,
    latent_nodes,
    loader_nodes,
    logic_nodes,
    loop_nodes,
    mask_nodes,
    resize_nodes,
    sampling_nodes,
    save_nodes,
    text_nodes,
    video_nodes,
)

_MODULES = (
    audio_nodes,
    batch_nodes,
    color_nodes,
    image_nodes,
    latent_nodes,
    loader_nodes,
    logic_nodes,
    loop_nodes,
    mask_nodes,
    resize_nodes,
    sampling_nodes,
    save_nodes,
    text_nodes,
    video_nodes,
)

CORE = NodeLibrary(
    {name: function for module in _MODULES for name, function in module.LIBRARY.functions.items()}
)
"""The functions of ComfyUI's own nodes."""
