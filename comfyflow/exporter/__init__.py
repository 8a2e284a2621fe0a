"""Workflows out: a graph as the JSON that the ComfyUI editor loads."""

