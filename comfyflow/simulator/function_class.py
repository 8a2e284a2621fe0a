"""The node class that a function stands for, where no schema has one: derived from its signature.

Each parameter is an input, and what the function returns are the outputs:

- ``int``, ``float``, ``bool``, ``str`` and ``Literal`` are INT, FLOAT, BOOLEAN, STRING and a combo;
  a socket type (`comfyflow.sockets`), or its name as a string, is that socket;
- a parameter that says none of this goes by its default, then by its name (``image``, ``masks``,
  ``latent_image``, ``positive``, …), and else takes everything (``*``);
- a parameter with a default is an optional input; ``context`` is not one, see `NodeContext`;
- ``-> IMAGE`` is an output, ``-> tuple[IMAGE, MASK]`` are two; nothing said is one of any type;
- ``-> None``, ``-> dict`` or ``-> NodeResult`` has no outputs, and is an output node.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..schema import NodeSchema, Schema
from ..sockets import Socket

if TYPE_CHECKING:
    from .node_function import NodeLibrary

ANY: Final = "*"
_WIDGETS: Final[Mapping[Any, str]] = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}
_BY_NAME: Final[Mapping[str, str]] = {
    "image": "IMAGE",
    "images": "IMAGE",
    "pixels": "IMAGE",
    "frames": "IMAGE",
    "mask": "MASK",
    "masks": "MASK",
    "audio": "AUDIO",
    "video": "VIDEO",
    "latent": "LATENT",
    "latent_image": "LATENT",
    "samples": "LATENT",
    "model": "MODEL",
    "clip": "CLIP",
    "vae": "VAE",
    "conditioning": "CONDITIONING",
    "positive": "CONDITIONING",
    "negative": "CONDITIONING",
    "text": "STRING",
    "prompt": "STRING",
}
"""What parameters without a type are, as ComfyUI's own nodes call their inputs."""
_CONTEXT: Final = "context"


def node_class(
    class_type: str,
    function: Callable[..., Any],
    outputs: Sequence[str] | None = None,
    output_node: bool | None = None,
) -> dict[str, Any]:
    """The entry of an /object_info for a function.

    Args:
        class_type: The node's class name.
        function: What its nodes do.
        outputs: The types of its outputs; None: by the return annotation.
        output_node: Whether it is an output node; None: where it has no outputs.
    """
    hints = _hints(function)
    groups: dict[str, dict[str, Any]] = {"required": {}, "optional": {}}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == _CONTEXT or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        optional = parameter.default is not parameter.empty
        groups["optional" if optional else "required"][parameter.name] = _input(parameter, hints)
    found = list(outputs) if outputs is not None else _outputs(hints.get("return", inspect.Signature.empty))
    return {
        "input": groups,
        "output": found,
        "output_is_list": [False] * len(found),
        "output_name": found,
        "output_node": output_node if output_node is not None else not found,
        "has_intermediate_output": False,
        "is_input_list": False,
        "search_aliases": [],
        "name": class_type,
        "display_name": class_type,
        "description": inspect.getdoc(function) or "",
        "category": "simulated",
        "python_module": "custom_nodes.simulated",
    }


class SimulatedNodes(Mapping[str, Any]):
    """The classes of a schema, and those that functions bring which it does not have.

    Args:
        raw: The schema's.
        library: Functions that a user has registered; more may come.
    """

    def __init__(self, raw: Mapping[str, Any], library: NodeLibrary) -> None:
        self._raw = raw
        self._library = library

    def __getitem__(self, class_type: str) -> Any:
        if class_type in self._raw:
            return self._raw[class_type]
        function = self._library.get(class_type)
        if function is None:
            raise KeyError(class_type)
        return function.node_class(class_type)

    def __contains__(self, class_type: object) -> bool:
        return class_type in self._raw or (
            isinstance(class_type, str) and self._library.get(class_type) is not None
        )

    def __iter__(self) -> Iterator[str]:
        yield from self._raw
        yield from (name for name in self._library.names() if name not in self._raw)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class SimulatedSchema(Schema):
    """A schema whose functions may be replaced while it is in use, and their classes with them."""

    def _find(self, class_type: str) -> NodeSchema | None:
        node = super()._find(class_type)
        if node is not None and node.raw is not self.raw.get(class_type):
            del self._nodes[class_type]
            node = super()._find(class_type)
        return node


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The annotations, read where they can be; a socket's name that nothing defines stays a string."""
    called = function if inspect.isroutine(function) else type(function).__call__
    try:
        return typing.get_type_hints(called)
    except (NameError, TypeError, AttributeError, SyntaxError):
        found: Mapping[str, Any] = getattr(called, "__annotations__", {})
        return found


def _input(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> list[Any]:
    kind = hints.get(parameter.name, parameter.empty)
    options = {} if parameter.default in (parameter.empty, None) else {"default": parameter.default}
    if typing.get_origin(kind) is typing.Literal:
        return [list(typing.get_args(kind)), options]
    found = _socket(kind)
    if found == ANY and options:
        found = _WIDGETS.get(type(parameter.default), ANY)
    if found == ANY:
        found = _BY_NAME.get(parameter.name.rstrip("0123456789").rstrip("_"), ANY)
    return [found, options if found in _WIDGETS.values() else {}]


def _outputs(kind: Any) -> list[str]:
    if kind is inspect.Signature.empty:
        return [ANY]
    if kind in (None, type(None), "None") or _is_result(kind):
        return []
    if typing.get_origin(kind) is tuple:
        return [_socket(member) for member in typing.get_args(kind) if member is not Ellipsis]
    return [_socket(kind)]


def _is_result(kind: Any) -> bool:
    """Whether a function says that it returns what a client is shown, and not only outputs."""
    from .node_function import NodeResult

    plain = typing.get_origin(kind) or kind
    return isinstance(plain, type) and issubclass(plain, (NodeResult, dict, Mapping))


def _socket(kind: Any) -> str:
    """The socket type that an annotation means, or ``*``."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next((member for member in typing.get_args(kind) if member is not type(None)), kind)
    if isinstance(kind, str):
        return kind if kind.isidentifier() and kind.isupper() else _BUILTIN.get(kind, ANY)
    if isinstance(kind, type) and issubclass(kind, Socket):
        return kind.__name__
    return _WIDGETS.get(kind, ANY) if isinstance(kind, type) else ANY


_BUILTIN: Final = {kind.__name__: name for kind, name in _WIDGETS.items()}
"""Annotations that could not be read as types but still mean one."""
