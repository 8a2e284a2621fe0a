"""Inputs of a prompt that have names: the parameters of a workflow that is not written in Python.

They are in a small TOML file beside the workflow, ``upscale.parameters.toml`` beside ``upscale.json``,
which ``comfyflow parameters`` writes and people edit::

    [parameters.prompt]
    inputs = ["6.text"]
    description = "What to show."

The value that is in the workflow is the default.
"""

from __future__ import annotations

import inspect
import json
import keyword
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from .bounds import NAMED_INPUTS, NAMED_INPUTS_SIZE
from .configuration import read_toml
from .errors import ConfigurationError
from .graph import Graph, Link
from .input_file import is_file
from .json_types import is_list, is_object
from .nearest import did_you_mean
from .schema import InputSchema, Schema, unfold_inputs
from .source import Input, Source
from .workflows.value_type import held_annotation, value_annotation

SUFFIX: Final = ".parameters.toml"
_HOLDING: Final = "Primitive"
"""How the classes of nodes are called that only hold a value: ``PrimitiveInt``."""
_MEMBERS: Final = ("inputs", "description")


@dataclass(frozen=True)
class NamedInput:
    """A parameter of a workflow that is not written in Python.

    Attributes:
        name: Its name: a Python identifier.
        places: The inputs that it sets, by the node's id and the input's name.
        description: Its description for people.
    """

    name: str
    places: tuple[Input, ...]
    description: str = ""


def beside(workflow: Path) -> Path:
    """Where the parameters of a workflow file are.

    Args:
        workflow: The file.
    """
    return workflow.with_name(workflow.stem + SUFFIX)


def read_named_inputs(path: Path, graph: Graph) -> tuple[NamedInput, ...]:
    """The parameters in a file.

    Args:
        path: The TOML file.
        graph: The workflow.

    Raises:
        ConfigurationError: It cannot be read, has what it must not have, or names what does not exist.
    """
    found = read_toml(path, NAMED_INPUTS_SIZE)
    for key in found:
        if key != "parameters":
            raise ConfigurationError(
                f"{path}: {key!r:.60} is unknown; parameters belong under [parameters.NAME]"
            )
    table = found.get("parameters", {})
    if not is_object(table) or len(table) > NAMED_INPUTS:
        raise ConfigurationError(
            f"{path}: expected between 1 and {NAMED_INPUTS} tables named [parameters.NAME]"
        )
    made = tuple(_read(name, entry, graph, path) for name, entry in table.items())
    owners: dict[Input, str] = {}
    for each in made:
        for place in each.places:
            if owners.setdefault(place, each.name) != each.name:
                both = f"{owners[place]} and {each.name}"
                raise ConfigurationError(f"{path}: {both} both set {'.'.join(place)}")
    return made


def named_inputs_beside(workflow: str | os.PathLike[str], graph: Graph) -> tuple[NamedInput, ...] | None:
    """The parameters in the file beside a workflow; None if the file does not exist.

    Args:
        workflow: The file; what is not one has none beside it.
        graph: What is in it.

    Raises:
        ConfigurationError: See `read_named_inputs`.
    """
    path = beside(Path(workflow))
    return read_named_inputs(path, graph) if is_file(path) else None


def write_named_inputs(named: Iterable[NamedInput], workflow: str) -> str:
    """The parameters as TOML.

    Args:
        named: The parameters.
        workflow: What the file is called, for its first line.
    """
    lines = [f"# The parameters of {_one_line(workflow)}: rename, describe, reorder or delete them."]
    for each in named:
        lines += ["", f"[parameters.{each.name}]"]
        lines.append(f"inputs = [{', '.join(_text('.'.join(place)) for place in each.places)}]")
        if each.description:
            lines.append(f"description = {_text(each.description)}")
    return "\n".join(lines) + "\n"


def signature_of(
    named: Iterable[NamedInput], source: Source, schema: Schema | None
) -> dict[str, inspect.Parameter]:
    """The parameters as those of a function, which `Parameters` and models are made of.

    Args:
        named: The parameters.
        source: The workflow.
        schema: Tells types, ranges and choices; where it does not, today's value does.
    """
    graph = source.graph
    made: dict[str, inspect.Parameter] = {}
    for each in named:
        node_id, input_name = each.places[0]
        node = graph[node_id]
        value = node.inputs.get(input_name, inspect.Parameter.empty)
        annotation = annotation_of(graph, node_id, input_name, schema)
        if each.description:
            annotation = Annotated[annotation, each.description]
        default = inspect.Parameter.empty if isinstance(value, Link) else value
        made[each.name] = inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )
    return made


def annotation_of(graph: Graph, node_id: str, input_name: str, schema: Schema | None) -> Any:
    """What an input takes: as the schema says, or else what is there.

    Args:
        graph: The graph.
        node_id: The node.
        input_name: Its input.
        schema: Of the server, or None.
    """
    entry = entry_of(graph, node_id, input_name, schema)
    if entry is not None:
        class_type = graph[node_id].class_type
        if entry.type in ("INT", "FLOAT") and class_type.startswith(_HOLDING):
            return held_annotation(entry, [*_fed(graph, node_id, schema)])
        return value_annotation(entry, class_type)
    value = graph[node_id].inputs.get(input_name)
    plain = next((kind for kind in (str, bool, float) if type(value) is kind), None)
    return plain or (int | float if type(value) is int else Any)


def _fed(graph: Graph, source: str, schema: Schema | None) -> Iterator[tuple[InputSchema, str]]:
    """The inputs that a node's output comes to, with the classes of their nodes."""
    for node_id, node in graph.items():
        for name, link in node.links:
            entry = entry_of(graph, node_id, name, schema) if link.node_id == source else None
            if entry is not None:
                yield entry, node.class_type


def entry_of(graph: Graph, node_id: str, input_name: str, schema: Schema | None) -> InputSchema | None:
    """What the schema says about an input; None if it does not know it.

    Args:
        graph: The graph.
        node_id: The node.
        input_name: Its input.
        schema: Of the server, or None.
    """
    node = graph[node_id]
    known = schema.get(node.class_type) if schema is not None else None
    if known is None:
        return None
    entries = unfold_inputs(known.inputs, node.inputs)
    return next((entry for entry in entries if entry.name == input_name), None)


def find_input(graph: Graph, where: str) -> Input | None:
    """The input that is called exactly so; None if there is none, or more than one.

    Ids, titles and names of inputs may have dots: the split that fits is taken.

    Args:
        graph: The graph.
        where: ``NODE.INPUT``: the node's id or its title.
    """
    fitting = [
        (node_id, name)
        for node_id, node in graph.items()
        for name in node.inputs
        if where.endswith(f".{name}") and where[: -len(name) - 1] in (node_id, node.title)
    ]
    exact = [place for place in fitting if where == ".".join(place)] or fitting
    return exact[0] if len(exact) == 1 else None


def _read(name: str, entry: object, graph: Graph, path: Path) -> NamedInput:
    where = f"{path}: [parameters.{name:.60}]"
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise ConfigurationError(
            f"{where}: {name!r:.60} is not a valid parameter name: use letters, digits and _"
        )
    if not is_object(entry):
        raise ConfigurationError(f"{where} must be a table")
    for key in entry:
        if key not in _MEMBERS:
            raise ConfigurationError(
                f"{where} has {key!r:.60}; {did_you_mean(key, _MEMBERS, 'it has inputs')}"
            )
    inputs, description = entry.get("inputs"), entry.get("description", "")
    if not is_list(inputs) or not inputs or not all(isinstance(each, str) for each in inputs):
        raise ConfigurationError(f'{where} needs inputs = ["NODE.INPUT"]')
    if not isinstance(description, str):
        raise ConfigurationError(f"{where}: description must be a string")
    return NamedInput(name, tuple(_place(each, graph, where) for each in inputs), description)


def _place(text: str, graph: Graph, where: str) -> Input:
    found = find_input(graph, text)
    if found is None:
        known = [f"{node_id}.{name}" for node_id, node in graph.items() for name in node.inputs]
        hint = did_you_mean(text, known, "the workflow has changed: write the file again or fix this line")
        raise ConfigurationError(f"{where}: the workflow has no input {text!r:.80}; {hint}")
    return found


def _text(text: str) -> str:
    """A string of TOML: JSON's, except for DEL and what is not a character."""
    written = json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)
    return written.replace("\x7f", "\\u007F")


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def with_values(source: Source, named: Iterable[NamedInput], values: Mapping[str, Any]) -> Source:
    """A workflow with values for its parameters.

    Args:
        source: The workflow.
        named: Its parameters.
        values: By name.
    """
    for each in named:
        if each.name in values:
            for node_id, input_name in each.places:
                source = source.with_input(node_id, input_name, values[each.name])
    return source
