"""What the core nodes do in the simulator."""

from ..node_function import NodeLibrary
from . import image_nodes, loader_nodes, sampling_nodes, save_nodes

CORE = NodeLibrary(
    {
        **image_nodes.LIBRARY.functions,
        **loader_nodes.LIBRARY.functions,
        **sampling_nodes.LIBRARY.functions,
        **save_nodes.LIBRARY.functions,
    }
)
"""The functions of ComfyUI's own nodes."""
