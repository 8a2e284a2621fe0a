"""What a node's function gets and gives, list by list, and the outputs of nodes without an implementation.

Those give values of the right types, made of what comes in. A model that goes in comes out with the node's
settings noted on it, a conditioning too; texts become conditioning, sizes become latents. So a graph of
nodes that the simulator does not know still ends in a picture that depends on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..json_types import is_list, is_object, is_tuple
from ..model_files.folder import is_model_name
from ..schema import NodeSchema, OutputSchema, unfold_inputs
from .node_function import NodeResult
from .values import (
    Conditioning,
    FloatArray,
    Guider,
    Latent,
    Model,
    Noise,
    Placeholder,
    Sampler,
    Sigmas,
    Sound,
    Video,
    VideoValue,
    np,
)

if TYPE_CHECKING:
    from .node_function import NodeContext


def zipped(inputs: dict[str, list[Any]], whole: bool) -> Iterable[dict[str, Any]]:
    """The inputs of each execution: lists side by side, the last value of short ones again."""
    if whole:
        return [dict(inputs)]
    count = max((len(values) for values in inputs.values()), default=1)
    if any(not values for values in inputs.values()):
        count = 0
    return (
        {name: values[min(index, len(values) - 1)] for name, values in inputs.items()}
        for index in range(count)
    )


def nested_values(schema: NodeSchema, values: dict[str, Any]) -> dict[str, Any]:
    """Values under dotted names, as the nested ones that node functions take."""
    dynamic = {entry.name for entry in schema.inputs if entry.is_dynamic}
    if not dynamic:
        return values
    nested: dict[str, Any] = {name: {} for name in dynamic if any(k.startswith(f"{name}.") for k in values)}
    for name, value in values.items():
        parts = name.split(".")
        if parts[0] not in dynamic:
            nested[name] = value
        elif len(parts) == 1:
            nested.setdefault(name, {})[name] = value
        else:
            place = nested
            for part in parts[:-1]:
                place = place.setdefault(part, {})
            place[parts[-1]] = value
    return nested


def refuse_undeclared(schema: NodeSchema, values: dict[str, Any]) -> None:
    """Raise what Python raises where a node is given an input that it does not know.

    Raises:
        TypeError: There is an input of that name.
    """
    declared = {entry.name for entry in unfold_inputs(schema.inputs, values)}
    for name in values:
        if name not in declared and name.split(".", 1)[0] not in schema.by_name:
            raise TypeError(f"{schema.class_type} got an unexpected keyword argument {name!r}")


def as_result(returned: Any) -> NodeResult:
    """What a function returned, in one form."""
    if isinstance(returned, NodeResult):
        return returned
    if is_object(returned) and returned and set(returned) <= {"ui", "result", "expand"}:
        return NodeResult(tuple(returned.get("result", ())), returned.get("ui"), returned.get("expand"))
    if is_tuple(returned):
        return NodeResult(returned)
    return NodeResult(() if returned is None else (returned,))


def merged_outputs(results: list[NodeResult], schema: NodeSchema) -> list[list[Any]]:
    """The values of each output, one an execution; lists put end to end."""
    merged: list[list[Any]] = []
    for output in schema.outputs:
        column = [result.outputs[output.index] for result in results if output.index < len(result.outputs)]
        merged.append(
            [value for part in column if is_list(part) for value in part] if output.is_list else column
        )
    return merged


def merged_ui(results: list[NodeResult]) -> dict[str, Any]:
    """What all executions show, put end to end."""
    shown = [result.ui for result in results if result.ui]
    if not shown:
        return {}
    return {key: [value for ui in shown for value in ui[key]] for key in shown[0]}


SIZE: Final = 64
MODEL_TYPES: Final = frozenset(
    {"MODEL", "CLIP", "VAE", "CONTROL_NET", "CLIP_VISION", "UPSCALE_MODEL", "STYLE_MODEL", "LORA_MODEL",
     "AUDIO_ENCODER", "MODEL_PATCH", "GLIGEN", "LATENT_UPSCALE_MODEL"}
)  # fmt: skip
LATENT_PIXELS: Final = 8


def typed_outputs(context: NodeContext, values: Mapping[str, Any]) -> NodeResult:
    """Outputs of the types that a class declares.

    Args:
        context: The node.
        values: Its inputs, under their dotted names.
    """
    if context.schema.is_input_list:
        values = {name: value[0] if is_list(value) and value else value for name, value in values.items()}
    outputs = [_output(context, output, values) for output in context.schema.outputs]
    return NodeResult(tuple(outputs))


def _output(context: NodeContext, output: OutputSchema, values: Mapping[str, Any]) -> Any:
    kind = output.type.partition(",")[0].strip()
    if output.match_template is not None:
        value: Any = _matched(context, output.match_template, values)
    else:
        value = make(kind, output.name, context, values)
    return [value] if output.is_list else value


def _matched(context: NodeContext, template: str, values: Mapping[str, Any]) -> Any:
    for entry in context.schema.inputs:
        if entry.match_template == template and values.get(entry.name) is not None:
            return values[entry.name]
    return Placeholder("*", context.class_type)


def make(kind: str, name: str, context: NodeContext, values: Mapping[str, Any]) -> Any:
    """A value of a socket type.

    Args:
        kind: The socket type.
        name: The output's name; an input of that name is preferred over others of the type.
        context: The node.
        values: Its inputs.
    """
    if kind in MODEL_TYPES:
        return _model(kind, context, values)
    maker = _MAKERS.get(kind)
    if maker is not None:
        return maker(name, context, values)
    passed = _passed(kind, name, context, values)
    return passed if passed is not None else Placeholder(kind, context.class_type)


def class_and_constants(context: NodeContext, values: Mapping[str, Any]) -> str:
    """A node's class and its constants, as one line: what tells two uses of it apart."""
    constants = [
        f"{name}={value}"
        for name, value in values.items()
        if isinstance(value, (int, float, str)) and not isinstance(value, Model)
    ]
    return f"{context.class_type}({', '.join(constants)})"


def _passed(kind: str, name: str, context: NodeContext, values: Mapping[str, Any]) -> Any:
    """What came in through a socket of a type; the one of that name first."""
    found = [
        entry.name
        for entry in context.schema.inputs
        if kind in entry.types and not entry.is_widget and values.get(entry.name) is not None
    ]
    found.sort(key=lambda known: known != name)
    return values[found[0]] if found else None


def _model(kind: str, context: NodeContext, values: Mapping[str, Any]) -> Model:
    passed = _passed(kind, kind.lower(), context, values)
    if isinstance(passed, Model):
        return passed.patched(class_and_constants(context, values))
    files = [value for value in values.values() if is_model_name(value)]
    return Model(
        kind, str(files[0]) if files else context.class_type, (class_and_constants(context, values),)
    )


def _conditioning(name: str, context: NodeContext, values: Mapping[str, Any]) -> Conditioning:
    texts = tuple(_texts(context, values))
    passed = _passed("CONDITIONING", name, context, values)
    if isinstance(passed, Conditioning):
        return passed.with_extra(class_and_constants(context, values))
    return Conditioning(texts, (class_and_constants(context, values),))


def _texts(context: NodeContext, values: Mapping[str, Any]) -> list[str]:
    """The texts that someone typed: what is multiline, or called text or prompt."""
    found: list[str] = []
    for entry in context.schema.inputs:
        value = values.get(entry.name)
        if "STRING" not in entry.types or not isinstance(value, str) or not value:
            continue
        if entry.options.get("multiline") or "text" in entry.name or "prompt" in entry.name:
            found.append(value)
    return list(dict.fromkeys(found))


def _latent(name: str, context: NodeContext, values: Mapping[str, Any]) -> Latent:
    passed = _passed("LATENT", name, context, values)
    if isinstance(passed, Latent):
        return passed
    seconds = values.get("seconds")
    if isinstance(seconds, (int, float)):
        return Latent(SIZE, SIZE, _integer(values, "batch_size", 1), seconds=float(seconds))
    pixels = _passed("IMAGE", "pixels", context, values)
    side = _integer(values, "resolution", SIZE * LATENT_PIXELS)
    width, height = _integer(values, "width", side), _integer(values, "height", side)
    if pixels is not None and "width" not in values:
        height, width = pixels.shape[1:3]
    batch = _integer(values, "batch_size", 1)
    return Latent(
        max(width // LATENT_PIXELS, 1) * LATENT_PIXELS,
        max(height // LATENT_PIXELS, 1) * LATENT_PIXELS,
        batch,
        frames=_integer(values, "length", 1),
        image=pixels,
    )


def _image(name: str, context: NodeContext, values: Mapping[str, Any]) -> FloatArray:
    passed = _passed("IMAGE", name, context, values)
    if passed is not None:
        return passed
    shape = (1, _integer(values, "height", SIZE), _integer(values, "width", SIZE), 3)
    return np.full(shape, 0.5, dtype=np.float32)


def _mask(name: str, context: NodeContext, values: Mapping[str, Any]) -> FloatArray:
    passed = _passed("MASK", name, context, values)
    if passed is not None:
        return passed
    image = _image("image", context, values)
    return np.ones(image.shape[:3], dtype=np.float32)


def _sound(name: str, context: NodeContext, values: Mapping[str, Any]) -> Sound:
    passed = _passed("AUDIO", name, context, values)
    if isinstance(passed, Sound):
        return passed
    return Sound(np.zeros((1, 2, 44100), dtype=np.float32), 44100)


def _video(name: str, context: NodeContext, values: Mapping[str, Any]) -> Video | VideoValue:
    passed = _passed("VIDEO", name, context, values)
    return passed if isinstance(passed, (Video, VideoValue)) else Video(_image("images", context, values))


def _sigmas(_name: str, _context: NodeContext, values: Mapping[str, Any]) -> Sigmas:
    denoise = values.get("denoise", 1.0)
    return Sigmas.linear(_integer(values, "steps", 20), denoise if isinstance(denoise, (int, float)) else 1.0)


def _sampler(_name: str, context: NodeContext, values: Mapping[str, Any]) -> Sampler:
    return Sampler(class_and_constants(context, values))


def _noise(name: str, context: NodeContext, values: Mapping[str, Any]) -> Noise:
    return Noise(_number(name, context, values))


def _guider(_name: str, context: NodeContext, values: Mapping[str, Any]) -> Guider:
    positive = _conditioning("positive", context, values)
    negative = values.get("negative")
    if not isinstance(negative, Conditioning):
        negative = Conditioning(())
    return Guider(_model("MODEL", context, values), positive, negative, class_and_constants(context, values))


def _number(_name: str, context: NodeContext, values: Mapping[str, Any]) -> int:
    for entry in context.schema.inputs:
        value = values.get(entry.name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return 0


def _text(_name: str, context: NodeContext, values: Mapping[str, Any]) -> str:
    return ", ".join(_texts(context, values)) or f"simulated output of {context.class_type}"


def _integer(values: Mapping[str, Any], name: str, default: int) -> int:
    value = values.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default


_MAKERS: Final[dict[str, Callable[[str, Any, Mapping[str, Any]], Any]]] = {
    "IMAGE": _image,
    "MASK": _mask,
    "LATENT": _latent,
    "CONDITIONING": _conditioning,
    "AUDIO": _sound,
    "VIDEO": _video,
    "SIGMAS": _sigmas,
    "SAMPLER": _sampler,
    "NOISE": _noise,
    "GUIDER": _guider,
    "DICT": lambda _name, _context, _values: {},
    "ARRAY": lambda _name, _context, _values: [],
    "INT": _number,
    "FLOAT": lambda name, context, values: float(_number(name, context, values)),
    "STRING": _text,
    "BOOLEAN": lambda _name, _context, _values: False,
    "COMBO": lambda _name, _context, _values: "",
}
