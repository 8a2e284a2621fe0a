"""One adaptor for everything that can be run, checked or written.

A workflow, a function that makes one, or a node in Python, a graph, prompt JSON, the body of a request
to ``POST /prompt``, what the editor saves, a conversion, or the file that has one of these.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard

from .errors import ClientError, ConversionError, WorkflowFileError
from .graph import Graph
from .graph.prompt import graph_inputs, read_nodes, read_prompt, to_prompt, with_class_names, wrapped
from .input_file import ForeignPath, InputFile, is_file, is_path
from .json_types import array_or_empty, is_array, is_object, object_or_empty
from .node import Node, is_output
from .problem import Place

if TYPE_CHECKING:
    from .importer import Conversion
    from .schema import Schema
    from .workflows import Compiled, Workflow

Input: TypeAlias = "tuple[str, str]"
"""An input of a prompt: the node's id, and the input's name."""

_LISTED: Final = 4


@dataclass(frozen=True)
class Converting:
    """How an editor workflow is converted; see `convert_workflow`.

    Attributes:
        editor: The version of the editor to follow; None chooses one.
        repair: Whether to write what its author meant.
        classes: Asks the server that will run it for node classes, and which editor it requires.
        packs: Plug-ins for custom node packs, by module or file.
    """

    editor: str | None = None
    repair: bool = False
    classes: Callable[[Iterable[str]], Schema] | None = None
    packs: tuple[str, ...] = ()

    @property
    def asked(self) -> list[str]:
        """The options of a command that ask for it."""
        said = {"--editor": self.editor is not None, "--repair": self.repair, "--pack": bool(self.packs)}
        return [option for option, is_said in said.items() if is_said]

    def convert(self, workflow: Mapping[str, Any], schema: Schema | None, file: str = "") -> Conversion:
        """Convert the editor's JSON.

        Args:
            workflow: The JSON.
            schema: The classes to convert it with; otherwise what `classes` says, or the reference
                package.
            file: What errors call it.

        Raises:
            ConversionError: It cannot become a prompt.
        """
        from .importer import convert_workflow

        if schema is None:
            from .schema.package import reference_schema

            asks = self.classes
            schema = reference_schema() if asks is None else asks(editor_classes(workflow))
        with in_file(file):
            return convert_workflow(
                workflow, schema, editor=self.editor, repair=self.repair, packs=self.packs
            )


@contextmanager
def in_file(name: str) -> Generator[None, None, None]:
    """What cannot be converted says in which file it is.

    Args:
        name: What the file is called; ``""`` where there is none.
    """
    try:
        yield
    except ConversionError as error:
        if not name or str(error).startswith(f"{name}: "):
            raise
        raise ConversionError(f"{name}: {error}") from error


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
        given: Values that the user gave directly, in place of what was there.
        name: What to call it.
        read: The graph that it was, before anything was given in its place, or None: see `graph`.
    """

    prompt: Any
    places: Mapping[str, Place] = field(default_factory=dict[str, Place])
    compiled: Compiled | None = None
    workflow: Workflow[Any] | None = None
    editor: Mapping[str, Any] | None = None
    warnings: Sequence[object] = ()
    given: Mapping[Input, Any] = field(default_factory=dict[Input, Any])
    name: str = ""
    read: Graph | None = None

    @classmethod
    def of(
        cls,
        given: object,
        schema: Schema | None = None,
        *,
        name: str = "",
        arguments: Mapping[str, Any] | None = None,
        converting: Converting | None = None,
    ) -> Source:
        """Adapt whatever it is, once.

        Args:
            given: See the module.
            schema: What to convert the editor's JSON with; the reference package's otherwise.
            name: What to call it; by default what it is called.
            arguments: What to call a workflow function with.
            converting: How to convert the editor's JSON.

        Raises:
            ClientError: It cannot be run; the message says what it is.
            CompileError: See `Workflow.compile`.
            WorkflowFileError: It is a file that holds no workflow.
            ConversionError: The editor's JSON cannot become a prompt.
            TypeError: The arguments are not those of the function.
        """
        from .workflows import Workflow, WorkflowFunction

        if isinstance(given, Source):
            return given
        if isinstance(given, Graph):
            return cls(to_prompt(given), given.places, name=name, read=given)
        made: Workflow[Any] | None = None
        if isinstance(given, Node) or is_output(given):
            made = Workflow[Any](given)
        elif isinstance(given, Workflow):
            made = given  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(given, WorkflowFunction) and arguments is not None:
            from .parameters import Parameters

            function: WorkflowFunction[..., Any] = given  # pyright: ignore[reportUnknownVariableType]
            made = Parameters(function.parameters).call(function, arguments)
        if made is not None:
            compiled = made.compile()
            return cls(
                compiled.prompt, compiled.places, compiled, made, name=name or made.name, read=compiled.graph
            )
        prompt, editor = read_json(given)  # pyright: ignore[reportUnknownArgumentType]
        file = _path_of(given)  # pyright: ignore[reportUnknownArgumentType]
        return cls.of_json(prompt, editor, schema, name=name, converting=converting, file=file)

    @classmethod
    def of_json(
        cls,
        prompt: Any,
        editor: Mapping[str, Any] | None = None,
        schema: Schema | None = None,
        *,
        name: str = "",
        converting: Converting | None = None,
        file: str = "",
    ) -> Source:
        """Adapt what `read_json` found. What is run is the prompt, where there is one: it made the file.

        Args:
            prompt: The prompt, or None.
            editor: The editor's JSON, or None.
            schema: See `of`.
            name: See `of`.
            converting: See `of`.
            file: The file that it was found in, for errors.

        Raises:
            ClientError: A value in the prompt is not a file of a kind that can be sent.
            ConversionError: The editor's JSON cannot become a prompt.
        """
        if prompt is None:
            prompt = (converting or Converting()).convert(editor or {}, schema, file)
        warnings = tuple(prompt.warnings) if _is_conversion(prompt) else ()
        files = list(_files(prompt))
        source = cls(prompt, editor=editor, warnings=warnings, name=name)
        for (node_id, key), value in files:
            source = source.with_input(node_id, key, value)
        return source

    @cached_property
    def graph(self) -> Graph:
        """The graph: with its places, and with scopes and a canvas where it was converted.

        Raises:
            PromptError: The prompt is malformed.
        """
        read = self.read
        if read is None and _is_conversion(self.prompt):
            return self.prompt.graph
        if read is None:
            return read_prompt(with_class_names(self.prompt, {}) if is_object(self.prompt) else self.prompt)
        changed = {node_id for node_id, _ in self.given}
        return (
            read.with_nodes(
                node.with_inputs(graph_inputs(self.prompt[node_id]["inputs"])) if node_id in changed else node
                for node_id, node in read.items()
            )
            if changed
            else read
        )

    def own_schema(self) -> Schema | None:
        """The schema that the user's node classes were generated from; None if there are none.

        Raises:
            SchemaError: There is no schema beside them.
        """
        return self.workflow.schema() if self.workflow is not None else None

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The user's nodes by id; none if the prompt is only JSON."""
        nothing: Mapping[str, Node] = {}
        return self.compiled.nodes if self.compiled is not None else nothing

    def id_of(self, node: Node) -> str:
        """The id of one of the user's nodes.

        Raises:
            GraphError: It is not in the workflow.
        """
        if self.compiled is None:
            raise ClientError("prompt JSON has no Python nodes; look outputs up by node id")
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
        read = self.prompt.graph if _is_conversion(self.prompt) else self.read
        return replace(
            self,
            prompt={**self.prompt, node_id: changed},
            given={**self.given, (node_id, name): value},
            read=read,
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
        """Whether the user gave the value of an input directly: on the command line, or in Python.

        What is in a file of JSON may be someone else's, and so may what `foreign_path` marks.
        """
        if (node_id, name) in self.given:
            return True
        return self.workflow is not None and not isinstance(self.value(node_id, name), ForeignPath)


def editor_classes(given: object) -> set[str]:
    """The node classes in the editor's JSON, those in its subgraphs and groups too.

    Args:
        given: Anything; what has none gives none.
    """
    kinds = (node.get("type") for node in editor_nodes(given))
    return {kind for kind in kinds if isinstance(kind, str)}


def editor_nodes(given: object) -> Iterator[Mapping[str, Any]]:
    """The nodes in the editor's JSON, those in its subgraphs and groups too.

    Args:
        given: Anything; what has none gives none.
    """
    waiting: list[Any] = [given]
    while waiting:
        graph = object_or_empty(waiting.pop())
        yield from filter(is_object, array_or_empty(graph.get("nodes")))
        waiting += array_or_empty(object_or_empty(graph.get("definitions")).get("subgraphs"))
        waiting += object_or_empty(object_or_empty(graph.get("extra")).get("groupNodes")).values()


def prompt_classes(prompt: Mapping[str, Any]) -> set[str]:
    """The node classes in prompt JSON, whatever else may be wrong with it."""
    return {node.class_type for node in read_nodes(prompt).values() if node.class_type}


def read_json(given: object) -> tuple[Any, Mapping[str, Any] | None]:
    """The prompt and the editor's JSON in what someone hands over; at least one of them.

    Args:
        given: Prompt JSON, editor JSON, a request body, the text of one, a file that has one, or what
            `read_workflow` found in it.

    Raises:
        ClientError: It is not one of these; the message says what it is.
        WorkflowFileError: It is a file that holds no workflow.
    """
    from .importer.workflow_file import WorkflowFile, is_prompt, read_workflow

    if _is_conversion(given):
        return given, None
    if isinstance(given, WorkflowFile):
        return given.prompt, given.workflow
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
        return read_file(given.encode("utf-8", "surrogatepass"), "the text")
    if (isinstance(given, str) or is_path(given)) and is_file(given):
        if Path(given).suffix == ".py":
            raise ClientError(f"{os.fspath(given)} is a Python file: import its workflow")
        return read_file(given)
    if isinstance(given, bytes):
        return read_file(given)
    raise ClientError(_what(given))


def read_file(
    given: str | os.PathLike[str] | bytes, name: str | None = None
) -> tuple[Any, Mapping[str, Any] | None]:
    """The prompt and the editor's JSON in a file; at least one of them.

    Args:
        given: The file, or what is in it.
        name: What to call it; by default, as the file.

    Raises:
        WorkflowFileError: It holds no workflow, and no prompt that may be broken either.
    """
    from .importer.workflow_file import read_workflow

    try:
        found = read_workflow(given, name=name)
    except WorkflowFileError:
        broken = _json_object(given)
        if broken is None or not may_be_prompt(broken):
            raise
        return broken, None  # what uses it will say what is wrong with it
    return found.prompt, found.workflow


def _is_conversion(given: object) -> TypeGuard[Conversion]:
    """Whether it is a conversion. Having one means that its module, which is slow to import, is imported."""
    made = sys.modules.get("comfyflow.importer.conversion")
    return made is not None and isinstance(given, made.Conversion)


def _json_object(given: str | os.PathLike[str] | bytes) -> Any:
    from .importer.workflow_file import LARGEST_JSON

    try:
        size = len(given) if isinstance(given, bytes) else Path(given).stat().st_size
        if size > LARGEST_JSON:
            return None
        value = json.loads(given if isinstance(given, bytes) else Path(given).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if is_object(value) else None


def may_be_prompt(given: Mapping[str, Any]) -> bool:
    """Whether an object is a prompt that may be broken: the check then says what is wrong with it.

    One that no member makes a prompt is something else, for which the sentences of the check are of
    no use.
    """
    return not given or any(
        "class_type" in node or "inputs" in node for node in map(object_or_empty, given.values())
    )


def _files(prompt: Mapping[str, Any]) -> Iterator[tuple[Input, Any]]:
    """Paths, pictures and other files that are in a prompt that was made in Python."""
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


def _path_of(given: object) -> str:
    """The path that someone handed over, ``""`` where it is something else."""
    if isinstance(given, str):
        return "" if given.lstrip()[:1] in ("{", "[") else given
    return str(given) if is_path(given) else ""


def _what(given: object) -> str:
    """Describe an object that cannot be run, and what to pass instead."""
    wanted = "expected a workflow, a node, prompt JSON or editor JSON"
    if isinstance(given, str) or is_path(given):
        return f"{wanted}; there is no file {os.fspath(given)!r:.80}, and the string is not JSON"
    if is_object(given):
        keys = ", ".join(map(repr, [*given][:_LISTED]))
        return f"{wanted}; this object has {keys:.200}, none of which is a node with a class_type"
    if is_array(given):
        made = bool(given) and all(isinstance(one, Node) or is_output(one) for one in given)
        hint = "Workflow(*nodes) builds one from several nodes" if made else "run each one separately"
        return f"{wanted}, not a {type(given).__name__}; {hint}"
    hint = "; call the function with its parameters" if callable(given) else ""
    return f"{wanted}, not {type(given).__name__}{hint}"
