"""A graph as the source of a Python module."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ..collector import collector_paused
from ..errors import PythonSourceError
from ..graph import ROOT, Graph, Link
from ..input_file import ForeignPath
from ..json_types import is_list
from ..schema import Schema
from .accepted import ANY
from .annotation import Annotations, CanvasGroup, CanvasNote, annotations_of
from .body_writer import BodyWriter
from .division import Division, call_key
from .imports import Imports, with_marked_paths
from .layout import INDENT, Blank, Comment, Function, Layout, Line, flat
from .name import NameScope
from .node_call import FROM_COMFYFLOW, FunctionResult, fit_body
from .node_class import NodeClasses, node_classes
from .parameter import KINDS, Chosen, Place, choose_parameters, parameter_of_values
from .program import WHOLE, Body, BodyParameter, Local, NodeStep, Unit, find_units, natural_order, paragraphs
from .proof import checked_graph
from .text import assignment, docstring_text, heading, name, note_lines, width

DEFAULT_PACKAGE: Final = "comfynodes"
DEFAULT_LINE_LENGTH: Final = 88
SHORTEST_LINE: Final = 60


def to_python(
    graph: Graph | Mapping[str, Any],
    schema: Schema,
    *,
    name: str = "",
    flat: bool = False,
    params: Iterable[str] | None = None,
    package: str = DEFAULT_PACKAGE,
    line_length: int = DEFAULT_LINE_LENGTH,
    annotations: Annotations | None = None,
    canvas: str | None = None,
) -> str:
    """Write a graph as a Python module with a ``@workflow`` function.

    Calling the function without arguments builds the same graph again, up to node ids and
    default titles. A path that leaves the current folder is marked by
    `foreign_path`, so that running the module uploads no file for it. A node whose class is
    unknown or cannot express the prompt becomes a `raw_node`.

    Args:
        graph: A graph, prompt JSON, or what `convert_workflow` returns.
        schema: The classes that the package was generated from.
        name: The workflow's name, which its function is named after.
        flat: Write everything into one function; otherwise each subgraph gets its own.
        params: Which values become parameters of the function: ``prompts``, ``files``,
            ``seeds``, ``sizes``, ``models``, and single ones as ``NODE.INPUT``; all of these
            kinds, if left out.
        package: The generated package that the node classes are imported from.
        line_length: The maximum line length. ``ruff format`` with the same length changes nothing.
        annotations: What people wrote around the nodes in the editor; a conversion has its own.

        canvas: The path of a file with the editor workflow, from the folder that the module will be
            in; the function names it, see `comfyflow.workflow`.

    Returns:
        The source. It passes ``mypy --strict`` against the package.

    Raises:
        PythonSourceError: No program can make this graph: a cycle, a link to nothing; or `params`
            names what does not exist.
        PromptError: The JSON is not a prompt.
        TypeError: `params` is one string.
    """
    if not all(part.isidentifier() for part in package.split(".")):
        raise PythonSourceError(f"{package!r:.80} is not a package name")
    with collector_paused():
        given = with_marked_paths(checked_graph(graph), schema)
        notes = annotations if annotations is not None else annotations_of(given)
        units = (
            {ROOT: Unit(ROOT, list(given), {}, list(given))}
            if flat
            else find_units(given, 1 if notes.subgraphs else 2)
        )
        bodies = _divided(given, units, schema, params, name, notes)
        writer = ModuleWriter(schema, package, max(line_length, SHORTEST_LINE), notes, canvas)
        return writer.write(bodies, _module_docstring(name))


def _divided(
    graph: Graph,
    units: Mapping[str, Unit],
    schema: Schema,
    params: Iterable[str] | None,
    name: str,
    notes: Annotations,
) -> list[Body]:
    classes = node_classes(schema)
    whole = _whole(graph)
    order = natural_order(whole)
    fitted = fit_body(whole, order, classes, {}, {})
    division = Division(
        graph,
        units,
        schema,
        _in_order(choose_parameters(graph, schema, classes, params), order),
        lambda link: fitted.carried(Local(*link)),
        lambda place, values: parameter_of_values(graph, schema, classes, place, values),
        notes,
        {*FROM_COMFYFLOW, *_class_names(graph, classes)},
    )
    return division.program(name or "untitled", "Build the graph; the defaults are the saved values.")


def _class_names(graph: Graph, classes: NodeClasses) -> Iterator[str]:
    for class_type in {node.class_type for node in graph.values()}:
        found = classes.find(class_type)
        if found is not None:
            yield found.name


def _whole(graph: Graph) -> Body:
    """All of a graph as one function."""
    body = Body("", "")
    for key, node in graph.items():
        inputs = {
            name: Local(*value) if type(value) is Link else value for name, value in node.inputs.items()
        }
        body.steps[key] = NodeStep(node, inputs)
    used = {link.node_id for node in graph.values() for _, link in node.links}
    body.results = [Local(key, WHOLE) for key in graph if key not in used]
    return body


def _in_order(chosen: Mapping[Place, Chosen], order: list[str]) -> dict[Place, Chosen]:
    """Parameters by kind, and those of a kind as their nodes are made."""
    kinds = {kind: number for number, kind in enumerate(KINDS)}
    ranks = {key: rank for rank, key in enumerate(order)}
    places = sorted(chosen, key=lambda place: (kinds.get(chosen[place].kind, -1), ranks[place[0]]))
    return {place: chosen[place] for place in places}


def _module_docstring(name: str) -> str:
    shown = docstring_text(name)
    return f"The workflow {shown}, from ComfyUI." if shown else "A workflow from ComfyUI."


_SECRET_ARGUMENT: Final = re.compile(
    r"(^|_)(passphrase|pass+wo?r?d|pass|pwd|secrete?|token)($|_)", re.IGNORECASE
)


class ModuleWriter:
    """Writes one module.

    Args:
        schema: The schema of its nodes.
        package: The package of generated node classes.
        columns: How wide a line may be.
        annotations: What people wrote around the nodes.
        canvas: The file of the editor that the workflow's function names, or None.
    """

    def __init__(
        self,
        schema: Schema,
        package: str,
        columns: int,
        annotations: Annotations,
        canvas: str | None = None,
    ) -> None:
        self._canvas = canvas
        self._schema = schema
        self._classes: NodeClasses = node_classes(schema)
        self._columns = columns
        self._annotations = annotations
        self._imports = Imports(package, FROM_COMFYFLOW)
        self._constants: dict[str, str] = {}
        self._constant_names = NameScope(FROM_COMFYFLOW)
        self._functions: dict[int, str] = {}
        self._results: dict[int, list[FunctionResult]] = {}
        self._notes: dict[int, Comment | None] = {}

    def write(self, bodies: Sequence[Body], docstring: str) -> str:
        """The source of a module.

        Args:
            bodies: The functions, each before those that call it; the last is the workflow.
            docstring: The module's docstring.
        """
        self._functions = {id(body): body.name for body in bodies}
        self._imports.taken = FROM_COMFYFLOW.union(*(self._class_names(body) for body in bodies))
        functions = list(self._distinct(bodies))
        lines: list[Line] = [ast.Expr(ast.Constant(docstring)), Blank(), *self._imports.lines()]
        for constant_name, text in self._constants.items():
            lines += [Blank(), assignment([constant_name], ast.Constant(text))]
        for note, function in functions:
            lines += [Blank(), Blank(), *([note] if note is not None else []), function]
        return _source(lines, self._columns)

    def _distinct(self, bodies: Sequence[Body]) -> Iterator[tuple[Comment | None, Function]]:
        """The functions, and the notes above them. Copies of a subgraph, which the editor keeps as
        their own subgraphs, are one function under the name of the first.
        """
        known: dict[str, str] = {}
        for body in bodies:
            is_workflow = body is bodies[-1]
            function = self._function(body, is_workflow=is_workflow)
            note = self._notes[id(body)]
            first = known.setdefault(_content(note, function), body.name)
            self._functions[id(body)] = first
            if is_workflow or first == body.name:
                yield note, function

    def _class_names(self, body: Body) -> Iterator[str]:
        """The classes that a function may make nodes of."""
        for step in body.steps.values():
            node_class = self._classes.find(step.node.class_type) if isinstance(step, NodeStep) else None
            if node_class is not None:
                yield node_class.name

    def _function(self, body: Body, is_workflow: bool) -> Function:
        sections = self._sections(body)
        runs = paragraphs(body, sections)
        order = [key for run in runs for key in run.steps]
        if is_workflow:
            places = {key: place for place, key in enumerate(order)}
            body.results.sort(key=lambda result: (places[result.step], result.slot))
        carried = {key: one.carried or one.type for key, one in body.parameters.items()}
        fitted = fit_body(body, order, self._classes, carried, self._results)
        self._results[id(body)] = fitted.results
        classes = (call.node_class.name for call in fitted.calls.values())
        scope = NameScope([*FROM_COMFYFLOW, *self._functions.values(), *body.parameters, *classes])
        writer = BodyWriter(fitted, scope, self._schema, self._imports, self._functions)
        comments = dict(self._comments(body, sections.values()))
        self._notes[id(body)] = comments.get(None)
        statements = list(writer.statements(runs, comments))
        arguments = [self._argument(one, writer) for one in body.parameters.values()]
        defaults = [self._default(one) for one in body.parameters.values() if one.has_default]
        decorators: list[ast.expr] = []
        if is_workflow:
            self._imports.comfyflow.add("workflow")
            decorators.append(self._decorator())
        definition = ast.FunctionDef(
            body.name, _arguments(arguments, defaults), [], decorators, writer.returns()
        )
        if "type_params" in ast.FunctionDef._fields:
            definition.type_params = []  # type: ignore[attr-defined,unused-ignore]
        return Function(definition, [ast.Expr(ast.Constant(body.docstring)), *statements])

    def _decorator(self) -> ast.expr:
        if self._canvas is None:
            return name("workflow")
        keywords = [ast.keyword("canvas", ast.Constant(self._canvas))]
        return ast.Call(name("workflow"), [], keywords)

    def _sections(self, body: Body) -> dict[str, CanvasGroup]:
        """The group of each step that is in one."""
        groups = self._annotations.groups
        found = {key: groups.get(key.removesuffix(call_key(""))) for key in body.steps}
        return {key: group for key, group in found.items() if group is not None}

    def _comments(
        self, body: Body, groups: Iterable[CanvasGroup]
    ) -> Iterator[tuple[CanvasGroup | None, Comment]]:
        """The headings and the notes of each group; under None, the notes that are in none."""
        notes: defaultdict[CanvasGroup | None, list[CanvasNote]] = defaultdict(list)
        known = set(groups)
        for note in self._annotations.notes.get(body.unit, ()):
            notes[note.group if note.group in known else None].append(note)
        for group in [None, *sorted(known, key=lambda one: one.number)]:
            columns = self._columns - (len(INDENT) if group is not None else 0)
            lines = [heading(group.title, columns)] if group is not None else []
            for note in notes[group]:
                lines += [*(["#"] if lines else []), *note_lines(note.title, note.text, columns)]
            if lines:
                yield group, Comment(lines)

    def _argument(self, parameter: BodyParameter, writer: BodyWriter) -> ast.arg:
        if parameter.carried:
            return ast.arg(parameter.name, writer.carried_type(parameter.carried))
        kind = parameter.type
        if kind.startswith("_c."):
            kind = self._imports.choice(kind.removeprefix("_c."))
        return ast.arg(parameter.name, name(self._imports.any() if kind == ANY else kind))

    def _default(self, parameter: BodyParameter) -> ast.expr:
        """The default, or the name of the constant that holds it: long texts are by themselves."""
        value = self._imports.constant(parameter.default)
        text = parameter.default
        room = self._columns - 2 * len(INDENT)
        if (
            not isinstance(text, str)
            or isinstance(text, ForeignPath)
            or (width(flat(value)) <= room and "\n" not in text.strip())
        ):
            return value
        constant_name = self._constant_names.claim(parameter.name.upper())
        self._constants[constant_name] = text
        return name(constant_name)


def _content(note: Comment | None, function: Function) -> str:
    """All of a function but its name."""
    definition = function.definition
    head = (definition.args, definition.returns)
    lines = [str(note), *(ast.dump(part) if part is not None else "" for part in head)]
    return "\n".join(
        [*lines, *(ast.dump(line) if isinstance(line, ast.AST) else str(line) for line in function.body)]
    )


def _arguments(arguments: list[ast.arg], defaults: list[ast.expr]) -> ast.arguments:
    return ast.arguments(
        posonlyargs=[],
        args=arguments,
        vararg=None,
        kwonlyargs=[],
        kw_defaults=[],
        kwarg=None,
        defaults=defaults,
    )


def _source(lines: list[Line], columns: int) -> str:
    """The source of these lines: laid out, and read again to see that it is the same program."""
    source = "\n".join(Layout(columns).block(lines)) + "\n"
    meant = ast.Module([one for line in lines for one in _statements(line)], [])
    rules = sorted(_excused(source, meant, columns))
    if rules:
        source = f"# ruff: noqa: {', '.join([*rules, 'RUF100'])}\n{source}"
    if not _is_same(ast.parse(source), meant):
        raise PythonSourceError("the source does not say what was meant; please report this workflow")
    return source


def _is_same(read: ast.AST, meant: ast.AST) -> bool:
    """Whether two programs are the same, wherever their parts are: a quicker way to compare `ast.dump`s."""
    pairs: list[tuple[object, object]] = [(read, meant)]
    while pairs:
        one, other = pairs.pop()
        if isinstance(one, ast.AST):
            if type(one) is not type(other):
                return False
            fields = ((getattr(one, name, None), getattr(other, name, None)) for name in one._fields)
            pairs.extend(pair for pair in fields if pair[0] is not pair[1])
        elif is_list(one) and is_list(other):
            if len(one) != len(other):
                return False
            pairs.extend(zip(one, other, strict=True))
        elif repr(one) != repr(other):  # a name may be of a subclass; 1 is not 1.0, 0.0 is not -0.0
            return False
    return True


def _excused(source: str, module: ast.Module, columns: int) -> Iterator[str]:
    """The rules of ruff that other people's text breaks whatever is done: letters that look like
    others, addresses and folders that look like mistakes, names of a server's inputs.
    """
    if not source.isascii():
        yield from ("RUF001", "RUF003")
    if any(width(line) > columns and not _ends_with_address(line) for line in source.splitlines()):
        yield "E501"
    nodes = [*ast.walk(module)]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    if any("0.0.0.0" in text or "::" in text for text in texts):  # noqa: S104
        yield "S104"
    if any(text.startswith(("/tmp", "/var/tmp", "/dev/shm")) for text in texts):  # noqa: S108
        yield "S108"
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef))
    if any(isinstance(default, ast.Call) for made in functions for default in made.args.defaults):
        yield "B008"
    keywords = {node.arg for node in nodes if isinstance(node, ast.keyword)}
    if any(_SECRET_ARGUMENT.search(keyword or "") for keyword in keywords):
        yield "S106"


def _ends_with_address(line: str) -> bool:
    """Whether a line is a comment that is only long because of the address at its end."""
    return line.lstrip().startswith("#") and "://" in line.rpartition(" ")[2]


def _statements(line: Line) -> list[ast.stmt]:
    if isinstance(line, Function):
        line.definition.body = [one for inner in line.body for one in _statements(inner)]
        return [line.definition]
    return [] if isinstance(line, (Comment, Blank)) else [line]
