"""Prompts of rows: compiled once, and refilled if that is proved to give the same.

::

    recipe = Recipe.of(txt2img)
    for row in Rows.csv("rows.csv").checked(recipe.columns):
        prepared = recipe.prepare(row)

For a workflow function, `value_flow` finds out which parameters only become input values. For each
combination of the others, the graph is compiled once with marks in place of these values, and later rows fill
in theirs. Filled prompts are compared with freshly compiled ones: the first, and ever fewer of the later
ones. In case of doubt the function is compiled for each row. Prompt JSON and editor workflows are read once,
and filled by ``NODE.INPUT``.
"""

from __future__ import annotations

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..bounds import TEMPLATES
from ..errors import SchemaError
from ..graph.prompt import Prompt, wrapped
from ..input_file import InputFile, is_annotated, is_file
from ..json_types import is_array, object_or_empty
from ..named_inputs import NamedInput, named_inputs_beside
from ..node import Node
from ..parameters import Parameters
from ..schema import Schema, unfold_inputs
from ..schema.installed_files import is_media_file, lists_files, takes_file
from ..schema.package import reference_schema
from ..source import Converting, Input, Source
from ..workflows import Compiled, Workflow, WorkflowFunction
from ..workflows.root import linked_nodes
from ..workflows.value import wire_value
from ..workflows.value_flow import ValueFlow, value_flow
from .columns import Columns, ParameterColumns
from .input_columns import InputColumns
from .row import ProblemList, Row

_LOG: Final = logging.getLogger("comfyflow.batch")
_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode
_PLAIN: Final = (str, int, float, type(Path()))
"""The types of values that are put into a prompt without checking again how it is made."""


class FileUse(NamedTuple):
    """A local file that an input takes.

    Attributes:
        node_id: The node.
        input_name: Its input.
        path: The file.
    """

    node_id: str
    input_name: str
    path: Path


@dataclass(frozen=True)
class Prepared:
    """The prompt of one row.

    Attributes:
        prompt: The prompt JSON. Rows share the nodes that do not differ: copy what you change.
        hash: A hash of the nodes' classes, inputs and ids, without titles: 64 hexadecimal digits.
        uploads: The local files that the prompt names.
        classes: The node classes that a server must have.
        models: The files that a server must have, as it lists them.
        source: The same for `Client.run` and `Client.submit`: they upload the files.
    """

    prompt: Prompt
    hash: str
    uploads: tuple[FileUse, ...]
    classes: frozenset[str]
    models: frozenset[str]
    source: Source = field(repr=False)


class Recipe(ABC):
    """Makes the prompts of rows. Created by `Recipe.of`.

    Attributes:
        name: Its name.
        columns: The columns that its rows may have: pass it to `Rows.checked`.
        filled: How many prompts were filled.
        compiled: How many prompts were compiled, or read, from scratch.
    """

    def __init__(self, name: str, columns: Columns, schema: Schema | None) -> None:
        self.name: Final = name
        self.columns: Final = columns
        self.filled = 0
        self.compiled = 0
        self._schema = schema

    @classmethod
    def of(
        cls,
        target: object,
        schema: Schema | None = None,
        *,
        name: str = "",
        converting: Converting | None = None,
        named: Sequence[NamedInput] | None = None,
    ) -> Recipe:
        """Make the recipe for a target.

        Args:
            target: A workflow function; or a workflow, a node, a graph, prompt JSON, an editor workflow, a
                path, a `Source`: see `Source.of`.
            schema: The schema of the server in use, which has the types of inputs, and says which are models
                and files; by default that of the node classes, or else the reference package's.
            name: Its name; by default the target's.
            converting: How to convert the editor's JSON.
            named: Named inputs of a target that is not a Python function; by default, those in the file
                ``NAME.parameters.toml`` next to it, if there is one.

        Raises:
            ComfyflowError: See `Source.of`; or that file cannot be read.
        """
        if isinstance(target, WorkflowFunction):
            function: WorkflowFunction[..., Any] = target  # pyright: ignore[reportUnknownVariableType]
            return _FunctionRecipe(function, schema, name)
        source = Source.of(target, schema, name=name, converting=converting)
        if named is None and isinstance(target, (str, Path)):
            named = named_inputs_beside(target, source.graph)
        return _SourceRecipe(source, schema, named or ())

    @property
    def schema(self) -> Schema | None:
        """The schema that says which inputs are models and files; None until a prompt needs one."""
        return self._schema

    def prepare(self, row: Row) -> Prepared:
        """The prompt of a row.

        Args:
            row: A row that was typed by `columns`.

        Raises:
            RowsError: The row has problems.
            ParameterError: It has an unknown column, or a value of the wrong kind.
            CompileError: See `Workflow.compile`.
            Exception: What the workflow function itself raises.
        """
        if row.problems:
            problems = ProblemList()
            problems.add(row.problems)
            problems.refuse()
        return self._prepare(row.parameters)

    @abstractmethod
    def _prepare(self, values: Mapping[str, Any]) -> Prepared: ...

    def _known(self, source: Source) -> Schema:
        if self._schema is None:
            try:
                own = source.own_schema()
            except SchemaError:
                own = None
            self._schema = own if own is not None else reference_schema()
        return self._schema


class _FunctionRecipe(Recipe):
    def __init__(self, function: WorkflowFunction[..., Any], schema: Schema | None, name: str) -> None:
        self._parameters = Parameters(function.typed_parameters(schema))
        super().__init__(name or function.name, ParameterColumns(self._parameters), schema)
        self._function = function
        self._templates: OrderedDict[tuple[Any, ...], _Template | None] = OrderedDict()
        self._flow: ValueFlow | None = value_flow(function.function)

    def _prepare(self, values: Mapping[str, Any]) -> Prepared:
        arguments = self._parameters.from_json(values)
        flow = self._flow
        if flow is not None and not flow.holds():
            flow = self._flow = None  # the function's inputs have changed, and may change again
        if flow is None:
            return self._anew(arguments)
        own = {
            name: value
            for name, value in arguments.items()
            if name in flow.values and isinstance(value, _PLAIN) and type(value) in _PLAIN
        }
        key: tuple[Any, ...] = tuple(
            (name, type(arguments[name]) if name in own else _encode(values[name]))
            for name in values
            if name in arguments
        )
        return self._by_template(key, arguments, own)

    def _by_template(self, key: tuple[Any, ...], arguments: dict[str, Any], own: dict[str, Any]) -> Prepared:
        if key not in self._templates:  # the second row that fits a template pays for it
            self._remember(key, None)
            return self._anew(arguments)
        self._templates.move_to_end(key)
        template = self._templates[key]
        if template is None:
            template = self._template(arguments, own)
            if template is None:
                return self._anew(arguments)
            self._remember(key, template)
        filled = template.fill(own)
        template.uses += 1
        if template.uses & (template.uses - 1) == 0:  # the 1st, 2nd, 4th, 8th, …
            fresh = self._anew(arguments)
            if fresh.hash != filled.hash or fresh.prompt != filled.prompt:
                self._flow = None
                _LOG.warning(
                    "%s gave a different prompt than the one filled for the same row; "
                    "it is compiled for each row from now on",
                    self.name,
                )
            return fresh
        self.filled += 1
        return filled

    def _remember(self, key: tuple[Any, ...], template: _Template | None) -> None:
        self._templates[key] = template
        self._templates.move_to_end(key)
        if len(self._templates) > TEMPLATES:
            self._templates.popitem(last=False)

    def _anew(self, arguments: Mapping[str, Any]) -> Prepared:
        self.compiled += 1
        made = Source.of(self._called(arguments), name=self.name)
        return _Template(made, {}, self._known(made)).fill({})

    def _called(self, arguments: Mapping[str, Any]) -> Workflow[Any]:
        workflow: Workflow[Any] = self._parameters.call(self._function, arguments)
        return workflow

    def _template(self, arguments: Mapping[str, Any], own: Mapping[str, Any]) -> _Template | None:
        """The prompt with places for these values; None if that does not work."""
        marks = {name: _Mark(name) for name in own}
        try:
            workflow = self._called({**arguments, **marks})
            found = dict(_marked(workflow))
            for node, name in found:
                node._inputs[name] = own[found[node, name].name]
            compiled = workflow.compile()
        except Exception:  # noqa: BLE001  # the row's errors are reported when it is compiled
            self._flow = None
            return None
        places = {(compiled.ids[node], name): mark.name for (node, name), mark in found.items()}
        source = Source(
            compiled.prompt,
            compiled.places,
            compiled,
            workflow,
            name=self.name,
            read=compiled.graph,
        )
        return _Template(source, places, self._known(source))


class _SourceRecipe(Recipe):
    def __init__(self, source: Source, schema: Schema | None, named: Sequence[NamedInput]) -> None:
        self._source = source
        columns = InputColumns(source, schema, named)
        super().__init__(source.name, columns, schema)
        self._inputs = columns
        self._templates: OrderedDict[tuple[str, ...], _Template] = OrderedDict()

    def _prepare(self, values: Mapping[str, Any]) -> Prepared:
        columns = tuple(values)
        template = self._templates.get(columns)
        if template is None:
            places = {place: name for name in columns for place in self._inputs.places(name)}
            template = _Template(self._source, places, self._known(self._source))
            self._templates[columns] = template
            self.compiled += 1
            if len(self._templates) > TEMPLATES:
                self._templates.popitem(last=False)
        else:
            self.filled += 1
        return template.fill(values)


class _Mark:
    """Stands for the value of a parameter."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def _marked(workflow: Workflow[Any]) -> Iterator[tuple[tuple[Node, str], _Mark]]:
    """The inputs that contain marks.

    Raises:
        LookupError: A node is bypassed: the links that replace it may depend on values.
    """
    for node in linked_nodes(workflow.roots):
        if node._marks is not None and node._marks.bypassed:
            raise LookupError
        for name, value in node._inputs.items():
            if type(value) is _Mark:
                yield (node, name), value


class _Template:
    """A prompt with places for values.

    Args:
        source: The prompt, and where it comes from.
        places: The inputs to fill, with their parameters.
        schema: Says which inputs take models and files.
    """

    def __init__(self, source: Source, places: Mapping[Input, str], schema: Schema) -> None:
        self.uses = 0
        self._source = source
        self._nodes: dict[str, list[tuple[str, str]]] = {}
        for (node_id, name), parameter in places.items():
            self._nodes.setdefault(node_id, []).append((name, parameter))
        self._compiled: Compiled | None = source.compiled
        self._lines = {node_id: _line(node_id, node) for node_id, node in source.prompt.items()}
        self._order = sorted(self._lines)
        self._classes = frozenset(
            name for node in source.prompt.values() if isinstance(name := node.get("class_type"), str)
        )
        self._schema = schema
        self._files: dict[str, list[tuple[str, bool]]] = {
            node_id: entries
            for node_id, node in source.prompt.items()
            if (entries := list(_file_inputs(schema, node)))
        }

    def fill(self, values: Mapping[str, Any]) -> Prepared:
        """The prompt with these values.

        Args:
            values: By parameter.

        Raises:
            CompileError: A prompt cannot hold a value.
        """
        source, lines = self._source, self._lines
        prompt: Prompt = dict(source.prompt)
        given: dict[Input, Any] = {}
        if self._nodes:
            lines = lines.copy()
        for node_id, inputs in self._nodes.items():
            node = prompt[node_id]
            filled = {**node["inputs"]}
            for name, parameter in inputs:
                value = values[parameter]
                filled[name] = self._wire(node_id, name, value)
                given[node_id, name] = value
            prompt[node_id] = changed = {**node, "inputs": filled}
            lines[node_id] = _line(node_id, changed)
        if given:
            source = _filled(source, prompt, given, values)
        digest = hashlib.sha256("\n".join([lines[node_id] for node_id in self._order]).encode())
        uses = [*self._uses(source)]
        return Prepared(
            prompt,
            digest.hexdigest(),
            tuple(use for use in uses if isinstance(use, FileUse)),
            self._classes,
            frozenset(use for use in uses if isinstance(use, str)),
            source,
        )

    def _wire(self, node_id: str, name: str, value: Any) -> Any:
        if type(value) is str or type(value) is int:
            return value
        if self._compiled is not None:
            return wire_value(value, self._compiled.nodes[node_id], name)
        return wrapped(value)

    def _uses(self, source: Source) -> Iterator[FileUse | str]:
        for node_id, entries in self._files.items():
            for name, takes in entries:
                use = _use(source, node_id, name, takes=takes)
                if use is not None:
                    yield use


def _filled(source: Source, prompt: Prompt, given: Mapping[Input, Any], values: Mapping[str, Any]) -> Source:
    """A source with replaced values. (`dataclasses.replace` takes far longer.)"""
    read = source.read if source.read is not None else source.graph
    return Source(
        prompt,
        source.places,
        source.compiled,
        _called_with(source.workflow, values),
        source.editor,
        source.warnings,
        {**source.given, **given},
        source.name,
        read,
    )


def _called_with(workflow: Workflow[Any] | None, values: Mapping[str, Any]) -> Workflow[Any] | None:
    """A workflow whose call has values in place of marks: files record the call."""
    call = workflow._call if workflow is not None else None
    if workflow is None or call is None:
        return workflow
    args = tuple(values[each.name] if type(each) is _Mark else each for each in call.args)
    kwargs = {name: values[each.name] if type(each) is _Mark else each for name, each in call.kwargs.items()}
    made: Workflow[Any] = object.__new__(type(workflow))
    made.__dict__.update(workflow.__dict__, _call=call._replace(args=args, kwargs=kwargs))
    return made


def _line(node_id: str, node: Mapping[str, Any]) -> str:
    """The part of a node that is hashed."""
    return _encode([node_id, node.get("class_type"), node.get("inputs")])


def _file_inputs(schema: Schema, node: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The inputs of a node that take a file, and whether the file is uploaded."""
    inputs = object_or_empty(node.get("inputs"))
    known = schema.get(node.get("class_type", ""))
    entries = unfold_inputs(known.inputs, inputs) if known is not None else ()
    declared = {entry.name: entry for entry in entries}
    for name, value in inputs.items():
        entry = declared.get(name)
        if entry is None:
            if known is None and isinstance(value, str) and is_media_file(value):
                yield name, True
        elif takes_file(entry):
            yield name, True
        elif entry.is_combo and lists_files(entry):
            yield name, False


def _use(source: Source, node_id: str, name: str, *, takes: bool) -> FileUse | str | None:
    node = source.prompt[node_id]
    text = node["inputs"].get(name)
    if not isinstance(text, str):
        return None
    if not takes:
        return text
    value = source.value(node_id, name)
    if not isinstance(value, str):
        file = InputFile.of(value) if not is_array(value) else None
        path = file.content if file is not None else None
        return FileUse(node_id, name, path) if isinstance(path, Path) else None
    if is_annotated(text) or not is_file(text):
        return None
    return FileUse(node_id, name, Path(text))
