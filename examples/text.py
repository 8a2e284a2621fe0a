"""Text as output: what a node shows comes back as text.

comfyflow run examples/text.py --name Ada
"""

from comfynodes import PreviewAny, StringConcatenate

from comfyflow import workflow


@workflow
def greeting(name: str = "world") -> PreviewAny:
    """A greeting, put together on the server."""
    return PreviewAny(source=StringConcatenate(string_a="Hello", string_b=name, delimiter=", "))
