"""Hypothesis strategies that draw workflows from any schema."""

from ...extra import needing

with needing("generating workflows", "test"):
    from .arguments import node_inputs as node_inputs
    from .fault import InvalidPrompt as InvalidPrompt
    from .fault import invalid_prompts as invalid_prompts
    from .graph import GraphOptions as GraphOptions
    from .graph import graphs as graphs
    from .graph import prompts as prompts
    from .graph import workflow_of as workflow_of
    from .graph import workflows as workflows

__all__ = [
    "GraphOptions",
    "InvalidPrompt",
    "graphs",
    "invalid_prompts",
    "node_inputs",
    "prompts",
    "workflow_of",
    "workflows",
]
