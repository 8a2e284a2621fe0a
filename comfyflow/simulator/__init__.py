"""A ComfyUI server without models, for tests, demonstrations and CI.

It needs the extra ``simulator``: ``pip install 'comfyflow-dsl[simulator]'``.
"""

from ..extra import needing

with needing("the simulator", "simulator"):
    from .node_function import Blocked as Blocked
    from .node_function import NodeContext as NodeContext
    from .node_function import NodeResult as NodeResult
    from .node_function import simulates as simulates
    from .serve import serve as serve
    from .simulator import ReceivedPrompt as ReceivedPrompt
    from .simulator import Simulator as Simulator

__all__ = [
    "Blocked",
    "NodeContext",
    "NodeResult",
    "ReceivedPrompt",
    "Simulator",
    "serve",
    "simulates",
]
