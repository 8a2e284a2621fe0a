"""Whatever somebody hands over to be run, checked or written: one adaptor for all of it.

A workflow or a node in Python, prompt JSON, the body of a request to ``POST /prompt``, what the
editor saves, a conversion, or the file that has one of these.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard

from .errors import ClientError, SchemaError, WorkflowFileError
from .graph.prompt import wrapped
from .input_file import ForeignPath, InputFile, is_path
from .json_types import array_or_empty, is_array, is_object, object_or_empty
from .node import Node, is_output
from .problem import Place

if TYPE_CHECKING:
    from .schema import Schema
    from .workflows import Compiled, Workflow

Input: TypeAlias = "tuple[str, str]"
"""An input of a prompt: the node's id, and the input's name."""

_LISTED: Final = 4


@dataclass(frozen=True)
class Source:
    """Something to run, as prompt JSON, with the way back to where it came from.

    Attributes:
        prompt: The prompt JSON; the `Conversion` itself, if it was converted.
        places: Where the user's source made the nodes, by id.
        compiled: The workflow, compiled, or None.
        workflow: The workflow in Python, or None.
        editor: The editor's JSON that came with it, or None.
        warnings: What reading or converting it had to say.
        given: Values that the user gave himself, here and now, in place of what stood there.
        name: What to call it.
    """

    prompt: Any
    places: Mapping[str, Place] = field(default_factory=dict[str, Place])
    compiled: Compiled | None = None
    workflow: Workflow[Any] | None = None
    editor: Mapping[str, Any] | None = None
    warnings: Sequence[object] = ()
    given: Mapping[Input, Any] = field(default_factory=dict[Input, Any])
    name: str = ""

    @classmethod
    def of(cls, given: object, schema: Schema | None = None, *, name: str = "") -> Source:
        """Adapt whatever it is, once.

        Args:
            given: See the module.
            schema: What to convert the editor's JSON with; the reference package's otherwise.
            name: What to call it; by default what it is called.

        Raises:
            ClientError: It is nothing that can be run; the message says what it is.
            CompileError: See `Workflow.compile`.
            WorkflowFileError: It is a file that holds no workflow.
            ConversionError: The editor's JSON cannot become a prompt.
        """
        from .workflows import Workflow

        if isinstance(given, Source):
            return given
        made: Workflow[Any] | None = None
        if isinstance(given, Node) or is_output(given):
            made = Workflow[Any](given)
        elif _is_workflow(given):
            made = given
        if made is None:
            return _of_json(given, schema, name)
        compiled = made.compile()
        return cls(compiled.prompt, compiled.places, compiled, made, name=name or made.name)

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The user's nodes by id; none where the prompt is only JSON."""
        nothing: Mapping[str, Node] = {}
        return self.compiled.nodes if self.compiled is not None else nothing

    def id_of(self, node: Node) -> str:
        """The id of one of the user's nodes.

        Raises:
            GraphError: It is not in the workflow.
        """
        if self.compiled is None:
            raise ClientError("prompt JSON has no nodes of Python; take an output by its node id")
        return self.compiled.id_of(node)

    def class_of(self, node_id: str) -> type[Node] | None:
        """The class of the user's node with that id, if there is one."""
        node = self.nodes.get(node_id)
        return None if node is None else type(node)

    def with_input(self, node_id: str, name: str, value: Any) -> Source:
        """The same with another value of an input; what it was made of stays as it is.

        Args:
            node_id: The node.
            name: The input.
            value: What the user gives.
        """
        node = self.prompt[node_id]
        wire = _wire(value, node_id, name)
        changed = {**node, "inputs": {**node["inputs"], name: wire}}
        return replace(
            self,
            prompt={**self.prompt, node_id: changed},
            given={**self.given, (node_id, name): value},
        )

    def value(self, node_id: str, name: str) -> Any:
        """What an input was given, as the user gave it: a path or a picture, not its name."""
        if (node_id, name) in self.given:
            return self.given[node_id, name]
        node = self.nodes.get(node_id)
        if node is not None and name in node._inputs:
            return node._inputs[name]
        return object_or_empty(object_or_empty(self.prompt.get(node_id)).get("inputs")).get(name)

    def is_own(self, node_id: str, name: str) -> bool:
        """Whether the user gave the value of an input himself: on the command line, or in Python.

        What stands in a file of JSON may be somebody else's, and so may what `foreign_path` marks.
        """
        if (node_id, name) in self.given:
            return True
        return self.workflow is not None and not isinstance(self.value(node_id, name), ForeignPath)


def reference_schema() -> Schema:
    """The schema of the node package that comes with comfyflow, or that stands in its place.

    Raises:
        SchemaError: There is none.
    """
    import importlib

    from .schema.package import package_schema

    try:
        importlib.import_module("comfynodes")
    except ImportError as error:
        raise SchemaError(f"there is no package 'comfynodes' of node classes: {error}") from None
    return package_schema({"comfynodes"})


def editor_classes(given: object) -> set[str]:
    """The node classes in the editor's JSON, those in its subgraphs and groups too.

    Args:
        given: Anything; what has none gives none.
    """
    found: set[str] = set()
    waiting: list[Any] = [given]
    while waiting:
        graph = object_or_empty(waiting.pop())
        for node in array_or_empty(graph.get("nodes")):
            kind = object_or_empty(node).get("type")
            if isinstance(kind, str):
                found.add(kind)
        waiting += array_or_empty(object_or_empty(graph.get("definitions")).get("subgraphs"))
        waiting += object_or_empty(object_or_empty(graph.get("extra")).get("groupNodes")).values()
    return found


def prompt_classes(prompt: Mapping[str, Any]) -> set[str]:
    """The node classes in prompt JSON, whatever else may be wrong with it."""
    found = {object_or_empty(node).get("class_type") for node in prompt.values()}
    return {name for name in found if isinstance(name, str)}


def read_json(given: object) -> tuple[Any, Mapping[str, Any] | None]:
    """The prompt and the editor's JSON in what somebody hands over; at least one of them.

    Args:
        given: Prompt JSON, editor JSON, a request body, the text of one, or a file that has one.

    Raises:
        ClientError: It is none of these; the message says what it is.
        WorkflowFileError: It is a file that holds no workflow.
    """
    from .importer import Conversion, read_workflow
    from .importer.workflow_file import is_prompt

    if isinstance(given, Conversion):
        return given, None
    if is_object(given):
        if is_prompt(given):
            return given, None
        try:
            found = read_workflow(given)
        except WorkflowFileError:
            if not may_be_prompt(given):
                raise ClientError(_what(given)) from None
            return given, None  # a broken prompt: the check says what is wrong with it
        return found.prompt, found.workflow
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        found = read_workflow(given.encode("utf-8", "surrogatepass"), name="the text")
    elif (isinstance(given, str) or is_path(given)) and _is_file(given):
        if Path(given).suffix == ".py":
            raise ClientError(f"{os.fspath(given)} is a file of Python: import the workflow that is in it")
        found = read_workflow(given)
    elif isinstance(given, bytes):
        found = read_workflow(given)
    else:
        raise ClientError(_what(given))
    return found.prompt, found.workflow


def may_be_prompt(given: Mapping[str, Any]) -> bool:
    """Whether an object is a prompt that may be broken: the check then says what is wrong with it.

    One that no member makes a prompt is something else, for which the sentences of the check are of
    no use.
    """
    return not given or any(
        "class_type" in node or "inputs" in node for node in map(object_or_empty, given.values())
    )


def _is_workflow(given: object) -> TypeGuard[Workflow[Any]]:
    from .workflows import Workflow

    return isinstance(given, Workflow)


def _of_json(given: object, schema: Schema | None, name: str) -> Source:
    from .importer import Conversion, convert_workflow

    prompt, editor = read_json(given)
    if prompt is None:
        prompt = convert_workflow(editor or {}, schema if schema is not None else reference_schema())
    warnings = tuple(prompt.warnings) if isinstance(prompt, Conversion) else ()
    files = list(_files(prompt))
    source = Source(prompt, editor=editor, warnings=warnings, name=name)
    for (node_id, key), value in files:
        source = source.with_input(node_id, key, value)
    return source


def _files(prompt: Mapping[str, Any]) -> Iterator[tuple[Input, Any]]:
    """Paths, pictures and other files that stand in a prompt that was made in Python."""
    for node_id, node in prompt.items():
        for name, value in object_or_empty(object_or_empty(node).get("inputs")).items():
            values = value if is_array(value) else [value]
            if any(_file(one, node_id, name) is not None for one in values):
                yield (node_id, name), value


def _file(value: object, node_id: str, name: str) -> InputFile | None:
    if isinstance(value, (str, int, float, type(None), list, tuple, Mapping)):
        return None
    try:
        return InputFile.of(value)
    except ValueError as error:
        raise ClientError(f"input {name!r} of node {node_id!r}: {error}") from None


def _wire(value: Any, node_id: str, name: str) -> Any:
    if is_array(value):
        return wrapped([_wire(one, node_id, name) for one in value])
    file = _file(value, node_id, name)
    return value if file is None else file.reference


def _is_file(path: str | os.PathLike[str]) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def _what(given: object) -> str:
    """What somebody handed over that cannot be run, and what to hand over instead."""
    wanted = "a workflow, a node, prompt JSON or the editor's JSON can be run"
    if isinstance(given, str) or is_path(given):
        return f"{wanted}; there is no file {os.fspath(given)!r:.80}, and the text is no JSON"
    if is_object(given):
        keys = ", ".join(map(repr, [*given][:_LISTED]))
        return f"{wanted}; this object has {keys:.200}, and none of that is a node with a class_type"
    if is_array(given):
        made = bool(given) and all(isinstance(one, Node) or is_output(one) for one in given)
        hint = "Workflow(*nodes) makes one of several nodes" if made else "run each thing by itself"
        return f"{wanted}, not a {type(given).__name__}; {hint}"
    hint = "; call the function, with its parameters" if callable(given) else ""
    return f"{wanted}, not {type(given).__name__}{hint}"
