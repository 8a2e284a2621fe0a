"""The page of the reference that lists every error with its cause, from its docstring, and its cure."""

from __future__ import annotations

import inspect
import re

from comfyflow import errors

from .cures import CURES


def cause(kind: type[Exception]) -> str:
    """What an error means: its docstring, apart from its arguments."""
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    told = [" ".join(each.split()) for each in paragraphs if not re.match(r"(Args|Attributes):", each)]
    return " ".join(told)


def page() -> str:
    """The page."""
    tree = (errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0]
    introduction = (
        "Every error that comfyflow raises is a `ComfyflowError`, and each message says what happened, "
        "where, and what to do. Catch the branch that you can act on. "
        "[When the network or the server fails](../faults.md) tells which errors a client raises when."
    )
    parts = [
        "# Errors",
        introduction,
        "```text\n" + inspect.cleandoc(tree) + "\n```",
    ]
    for name in errors.__all__:
        kind = getattr(errors, name)
        parents = " and ".join(f"`{each.__name__}`" for each in kind.__bases__)
        article = "an" if parents[1] in "AEIOU" else "a"
        parts += [f"## {name}", f"{cause(kind)} It is {article} {parents}."]
        if name in CURES:
            parts.append(f"**Cure:** {CURES[name]}")
    return "\n\n".join(parts) + "\n"
