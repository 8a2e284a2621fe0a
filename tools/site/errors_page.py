"""The page of the reference that lists every error with its cause and its cure, from the docstrings."""

from __future__ import annotations

import inspect
import re

from comfyflow import errors


def cause_and_cure(kind: type[Exception]) -> tuple[str, str]:
    """What an error means, and what to do: the paragraph of its docstring that begins with ``Cure:``."""
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    told = [" ".join(each.split()) for each in paragraphs if not re.match(r"(Args|Attributes):", each)]
    cures = [each.removeprefix("Cure:").strip() for each in told if each.startswith("Cure:")]
    return " ".join(each for each in told if not each.startswith("Cure:")), " ".join(cures)


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
        cause, cure = cause_and_cure(kind)
        parents = " and ".join(f"`{each.__name__}`" for each in kind.__bases__)
        parts += [f"## {name}", f"{cause} It is {'an' if parents[1] in 'AEIOU' else 'a'} {parents}."]
        if cure:
            parts.append(f"**Cure:** {cure}")
    return "\n\n".join(parts) + "\n"
