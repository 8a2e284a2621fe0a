"""What a node gives that nobody has written: values of the right types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..schema import OutputSchema
from .node_function import NodeResult
from .values import Conditioning, Latent, Model, Placeholder

if TYPE_CHECKING:
    from .node_function import NodeContext

SIZE: Final = 64


def placeholder_outputs(context: NodeContext, values: Mapping[str, Any]) -> NodeResult:
    """Outputs of the declared types; a value of that type that came in is handed on.

    Args:
        context: The node.
        values: Its inputs.
    """
    outputs = tuple(_output(context, output, values) for output in context.schema.outputs)
    return NodeResult(outputs)


def _output(context: NodeContext, output: OutputSchema, values: Mapping[str, Any]) -> Any:
    passed = _passed_on(context, output.type, values)
    value = passed if passed is not None else make(output.type, context.class_type)
    return [value] if output.is_list else value


def _passed_on(context: NodeContext, kind: str, values: Mapping[str, Any]) -> Any:
    for entry in context.schema.inputs:
        if entry.type == kind and entry.name in values and not entry.is_widget:
            return values[entry.name]
    return None


def make(kind: str, class_type: str) -> Any:
    """A value of a socket type, the same every time.

    Args:
        kind: The socket type; of a union the first.
        class_type: Who makes it.
    """
    maker = _MAKERS.get(kind.partition(",")[0].strip())
    return maker(class_type) if maker is not None else Placeholder(kind, class_type)


def _image(_class_type: str) -> Any:
    import numpy as np

    return np.full((1, SIZE, SIZE, 3), 0.5, dtype=np.float32)


def _mask(_class_type: str) -> Any:
    import numpy as np

    return np.ones((1, SIZE, SIZE), dtype=np.float32)


def _model(kind: str) -> Callable[[str], Any]:
    return lambda class_type: Model(kind, class_type)


_MAKERS: Final[dict[str, Callable[[str], Any]]] = {
    "IMAGE": _image,
    "MASK": _mask,
    "LATENT": lambda _: Latent(SIZE * 8, SIZE * 8),
    "CONDITIONING": lambda class_type: Conditioning((class_type,)),
    "INT": lambda _: 0,
    "FLOAT": lambda _: 0.0,
    "STRING": lambda _: "",
    "BOOLEAN": lambda _: False,
    "COMBO": lambda _: "",
    **{
        kind: _model(kind) for kind in ("MODEL", "CLIP", "VAE", "CONTROL_NET", "CLIP_VISION", "UPSCALE_MODEL")
    },
}
