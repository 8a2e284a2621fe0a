"""Which values of a graph become parameters of the function."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..dynamic import unfold_inputs
from ..errors import PythonSourceError
from ..graph import Graph, GraphNode, Link
from ..option import read_texts
from ..schema import InputSchema, NodeSchema, Schema, lists_files, takes_file
from .name import snake, title_name
from .node_class import NodeClasses

PROMPTS: Final = "prompts"
FILES: Final = "files"
SEEDS: Final = "seeds"
SIZES: Final = "sizes"
MODELS: Final = "models"
KINDS: Final = (PROMPTS, FILES, SEEDS, SIZES, MODELS)
"""What becomes parameters if nothing else is wanted, in that order."""

_MODEL_FILE: Final = re.compile(
    r".\.(safetensors|sft|ckpt|pt2?|pth|bin|gguf|onnx|pkl|engine|trt)$", re.IGNORECASE
)
_SIZE_NAMES: Final = frozenset({"width", "height", "length", "batch_size"})
_TITLED_SIZES: Final = _SIZE_NAMES - {"batch_size"}
_SEED_NAMES: Final = frozenset({"seed", "noise_seed"})
_PROMPT_NAMES: Final = frozenset({"prompt", "negative_prompt", "text", "lyrics", "caption"})
_CODE_NAMES: Final = frozenset({"code", "expression", "regex_pattern", "script"})
_SHORT: Final = 20
"""A longer title is not shown before the name of an input."""

_PYTHON_TYPES: Final = {"INT": "int", "FLOAT": "float", "STRING": "str", "BOOLEAN": "bool"}

Place: TypeAlias = "tuple[str, str]"
"""A node's id and the wire name of one of its inputs."""


@dataclass(frozen=True)
class Chosen:
    """A value that becomes a parameter.

    Attributes:
        names: What it may be called, the best first.
        type: ``str``, ``int``, ``float``, ``bool``, or the alias of a list of choices, as
            ``_c.Name``.
        default: Today's value.
        kind: One of `KINDS`, or ``""`` where it was asked for by name.
    """

    names: tuple[str, ...]
    type: str
    default: Any
    kind: str

    @property
    def shared(self) -> tuple[str, str, str] | None:
        """What two of them have in common that are one parameter: a model, a file or a prompt
        that is in several places is one thing; equal numbers are so by chance.
        """
        same = self.kind in (MODELS, FILES, PROMPTS) and self.default != ""
        return (self.kind, self.type, self.default) if same else None


def choose_parameters(
    graph: Graph, schema: Schema, classes: NodeClasses, wanted: Iterable[str] | None
) -> dict[Place, Chosen]:
    """The values that become parameters, in their order in the signature.

    Args:
        graph: The graph.
        schema: The schema of its classes. Values of unknown classes are only taken by name.
        classes: The generated classes.
        wanted: Words of `KINDS`, and single values as ``NODE.INPUT`` (the node's id, the
            input's wire name); None for all kinds.

    Raises:
        PythonSourceError: A word is not one of these, or names what does not exist or is linked.
        TypeError: They are one string.
    """
    words = list(KINDS if wanted is None else dict.fromkeys(read_texts(wanted, "params", "words")))
    named = [word for word in words if word not in KINDS]
    places = [_find(graph, word) for word in named]
    finder = _Finder(graph, schema, classes)
    found: dict[str, dict[Place, Chosen]] = defaultdict(dict)
    for place, chosen in finder.all():
        found[chosen.kind][place] = chosen
    result = {place: finder.named(*place) for place in places}
    for kind in KINDS:
        if kind in words:
            for place, chosen in found[kind].items():
                result.setdefault(place, chosen)
    return result


def _find(graph: Graph, word: str) -> Place:
    node_id, dot, name = word.partition(".")
    node = graph.get(node_id)
    if not dot:
        raise PythonSourceError(
            f"unknown kind of parameter {word!r}; choose {', '.join(KINDS)}, or NODE.INPUT for one value"
        )
    if node is None:
        raise PythonSourceError(f"parameter {word!r}: unknown node {node_id!r}")
    if name not in node.inputs or type(node.inputs[name]) is Link:
        values = [key for key, value in node.inputs.items() if type(value) is not Link]
        raise PythonSourceError(
            f"parameter {word!r}: {node.class_type} #{node_id} has no value {name!r}; "
            f"its values: {', '.join(values) or 'none'}"
        )
    return node_id, name


def parameter_of_values(
    graph: Graph, schema: Schema, classes: NodeClasses, place: Place, values: Iterable[Any]
) -> Chosen:
    """The parameter for a value that is not the same in every use of a subgraph."""
    finder = _Finder(graph, schema, classes)
    node_id, name = place
    types = {finder.of(node_id, name, value).type for value in values}
    found = finder.of(node_id, name, None)
    return Chosen(found.names, types.pop() if len(types) == 1 else "Any", None, "")


class _Finder:
    def __init__(self, graph: Graph, schema: Schema, classes: NodeClasses) -> None:
        self._graph = graph
        self._classes = classes
        self._schema = schema
        self._users: defaultdict[str, list[str]] = defaultdict(list)
        for node in graph.values():
            for name, link in node.links:
                self._users[link.node_id].append(name)

    def all(self) -> Iterator[tuple[Place, Chosen]]:
        for node_id, node in self._graph.items():
            known: NodeSchema | None = self._schema.get(node.class_type)
            if known is None:
                continue
            for entry in unfold_inputs(known.inputs, node.inputs):
                if entry.name in node.inputs and type(node.inputs[entry.name]) is not Link:
                    kind = self._kind(node, known, entry)
                    value = node.inputs[entry.name]
                    chosen = self._chosen(node, known, entry, value, kind) if kind else None
                    if chosen is not None:
                        yield (node_id, entry.name), chosen

    def named(self, node_id: str, name: str) -> Chosen:
        """The parameter for a value that was asked for by name, whatever it is."""
        found = self.of(node_id, name, self._graph[node_id].inputs[name])
        if found.type == "Any":
            raise PythonSourceError(
                f"parameter '{node_id}.{name}': a parameter must be a string, a number or a boolean"
            )
        return found

    def of(self, node_id: str, name: str, value: Any) -> Chosen:
        """The parameter for a value in a place; of type ``Any`` where no other takes it."""
        node = self._graph[node_id]
        known: NodeSchema | None = self._schema.get(node.class_type)
        entries = unfold_inputs(known.inputs, node.inputs) if known is not None else ()
        entry = next((entry for entry in entries if entry.name == name), None)
        found = (
            self._chosen(node, known, entry, value, "") if known is not None and entry is not None else None
        )
        kind = type(value).__name__ if type(value) in (str, int, float, bool) else "Any"
        kind = "str" if isinstance(value, str) else kind
        return found or Chosen(tuple(self._names(node, known, name, "")), kind, value, "")

    def _kind(self, node: GraphNode, known: NodeSchema, entry: InputSchema) -> str:
        value = node.inputs[entry.name]
        last = entry.name.rpartition(".")[2]
        if entry.is_combo:
            return _combo_kind(entry, value)
        if entry.type == "STRING" and isinstance(value, str):
            return PROMPTS if _is_prompt(known, entry, last, value) else ""
        if entry.type == "INT" and type(value) is int:
            if last in _SEED_NAMES or entry.options.get("control_after_generate"):
                return SEEDS if not _is_primitive(known) else self._primitive_kind(node, known)
            if last in _SIZE_NAMES and _makes_size(known):
                return SIZES if last in _TITLED_SIZES else ""
            return self._primitive_kind(node, known) if _is_primitive(known) else ""
        return ""

    def _primitive_kind(self, node: GraphNode, known: NodeSchema) -> str:
        """A node that only holds a number is what its title or its users say."""
        title = title_name(node.title, known.display_name, node.class_type)
        names = {title} if title else {name.rpartition(".")[2] for name in self._users[node.node_id]}
        if names and names <= _SEED_NAMES:
            return SEEDS
        return SIZES if names and names <= _TITLED_SIZES else ""

    def _chosen(
        self, node: GraphNode, known: NodeSchema, entry: InputSchema, value: Any, kind: str
    ) -> Chosen | None:
        python_type = _PYTHON_TYPES.get(entry.type, "choice" if entry.is_combo else "")
        if python_type == "int" and isinstance(value, float) and value.is_integer():
            value = int(value)
        fits = {"float": (int, float), "choice": (str, int)}
        wanted: Any = fits.get(python_type) or {"int": int, "str": str, "bool": bool}.get(python_type, ())
        if not isinstance(value, wanted) or (isinstance(value, bool) and python_type != "bool"):
            return None
        if python_type == "choice":
            python_type = self._classes.choice_type(entry, value)
        return Chosen(tuple(self._names(node, known, entry.name, kind)), python_type, value, kind)

    def _names(self, node: GraphNode, known: NodeSchema | None, name: str, kind: str) -> Iterator[str]:
        title = title_name(node.title, known.display_name if known else "", node.class_type)
        last = snake(name.rpartition(".")[2])
        users = {user.rpartition(".")[2] for user in self._users[node.node_id]}
        if kind == PROMPTS:
            yield from _prompt_names(title, users, last)
        elif kind == FILES:
            yield f"{title or last}_file".replace("file_file", "file")
        elif known is not None and _is_primitive(known) and (title or len(users) == 1):
            yield title or next(iter(users))
        elif title and len(title) <= _SHORT:
            yield f"{title}_{last}"
        else:
            yield "seed" if kind == SEEDS else last


def _combo_kind(entry: InputSchema, value: Any) -> str:
    if not isinstance(value, str) or not value or value.casefold() == "none":
        return ""
    if takes_file(entry):
        return FILES
    return MODELS if lists_files(entry) and _MODEL_FILE.search(value) else ""


def _is_prompt(known: NodeSchema, entry: InputSchema, last: str, value: str) -> bool:
    if entry.options.get("forceInput") or last in _CODE_NAMES:
        return False
    if not entry.options.get("multiline") and last not in _PROMPT_NAMES:
        return False
    encodes = any(output.type == "CONDITIONING" for output in known.outputs)
    return bool(value.strip()) or encodes


def _is_primitive(known: NodeSchema) -> bool:
    """Whether a node only holds a value."""
    return len(known.outputs) == 1 and known.class_type.startswith("Primitive")


def _makes_size(known: NodeSchema) -> bool:
    """Whether a node makes a picture or a latent of a size out of nothing, or of other things."""
    made = {output.type for output in known.outputs}
    taken = {part for entry in known.inputs for part in entry.types}
    return any(kind in made and kind not in taken for kind in ("LATENT", "IMAGE"))


def _prompt_names(title: str, users: set[str], last: str) -> Iterator[str]:
    words = set(title.split("_"))
    if "negative" in words or users == {"negative"}:
        yield "negative_prompt"
    elif "positive" in words or users == {"positive"}:
        yield "prompt"
        yield "positive_prompt"
    else:
        yield title or ("prompt" if last in ("text", "value", "string") else last)
