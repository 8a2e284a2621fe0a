"""What the classes of a package are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from ..schema import NodeSchema
from .name import PythonName, class_name, distinct_names, python_name

_AFFIX: Final = re.compile(r"^comfy(ui)?[-_ ]+|[-_ ]+comfyui$", re.IGNORECASE)
_ENDS: Final = re.compile(r"^[^\w\s(\[{]+(?=\w)|(?<=\w)[^\w\s)\]}]+$")
"""Signs at the ends of a name; brackets and what stands apart belong to it."""


def class_names(nodes: Iterable[NodeSchema], taken: Collection[str]) -> dict[str, PythonName]:
    """The name of each class, by class type.

    A class whose own name is an identifier keeps it. A pack's class that would only lose signs at its
    ends (``GetImageSize+``) has the pack behind it (``GetImageSize_essentials``): a class of the
    plain name may be there, or come with the next server. So have those of packs whose names come
    out as another's. What is alike even then gets a suffix made from its class type.

    Args:
        nodes: The nodes.
        taken: Names that no class may have.
    """
    known = {node.class_type: node for node in nodes}
    names = {wire: class_name(wire, taken) for wire in known}
    losing = {wire for wire, node in known.items() if node.of_pack and _loses_signs(wire, names[wire])}
    counts = Counter(name for wire, name in names.items() if wire not in losing)
    for wire, node in known.items():
        name = names[wire]
        if wire in losing or (node.of_pack and name != wire and counts[name] > 1):
            names[wire] = class_name(f"{name.rstrip('_')}_{pack_name(node.python_module)}", taken)
    return distinct_names(known, taken, named=lambda wire, _: names[wire])


def _loses_signs(wire: str, name: str) -> bool:
    kept = _ENDS.sub("", wire)
    return kept != wire and class_name(kept) == name


def pack_name(python_module: str) -> str:
    """What people call a pack: its folder's name, without ComfyUI in it and in small letters.

    Args:
        python_module: The module of one of its classes (``custom_nodes.ComfyUI_essentials``).
    """
    folder = python_module.split(".")[1] if "." in python_module else python_module
    return python_name(_AFFIX.sub("", folder) or folder).lower()


def former_names(nodes: Iterable[NodeSchema], taken: Collection[str]) -> dict[str, PythonName]:
    """What comfyflow 0.1 called the classes, by class type.

    Args:
        nodes: The nodes.
        taken: Names that no class may have.
    """
    return distinct_names((node.class_type for node in nodes), taken, named=class_name)
