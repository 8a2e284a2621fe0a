"""A function's parameters, narrowed by the inputs that they flow into.

The function is called once, with its defaults and with plain values where it has none, and its graph is
searched for these very values: ``steps`` that comes to ``KSampler.steps`` as it is takes 1 to 10,000,
because the schema says that about the input. What a parameter is used for under a condition only may be
another input next time: there nothing is narrowed.
"""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, Final

from annotated_types import Ge, Le

from ..annotation import Annotation, bare, is_union
from ..json_types import is_array
from ..parameters import Parameter, Parameters
from ..schema import InputSchema, Schema, unfold_inputs
from .function_source import source_of
from .root import linked_nodes
from .value_type import Hint, limits_of, literal_of, notes_of

if TYPE_CHECKING:
    from .workflow import Workflow

_SAMPLES: Final[Mapping[Any, Any]] = {str: "text", int: 7, float: 0.5, Path: Path("file.png")}
_EMPTY: Final[Mapping[Any, Any]] = {list: [], tuple: (), dict: {}, set: set(), bool: False}
_CONDITIONS: Final = (ast.If, ast.IfExp, ast.While, ast.Try, ast.BoolOp, ast.For, ast.comprehension)


def narrowed(
    function: Callable[..., Any],
    parameters: Mapping[str, inspect.Parameter],
    call: Callable[[Mapping[str, Any]], Workflow[Any]],
    schema: Callable[[Workflow[Any]], Schema | None],
) -> dict[str, inspect.Parameter]:
    """The parameters with what the schema and the docstring say about them.

    Args:
        function: The function.
        parameters: Its parameters.
        call: Makes the workflow for some arguments.
        schema: Gives the schema for a workflow; None if there is none.
    """
    texts = argument_texts(inspect.getdoc(function) or "")
    known = Parameters(parameters)
    inputs = _inputs(known, call, schema)
    uncertain = _conditional(function) if inputs else frozenset[str]()
    made: dict[str, inspect.Parameter] = {}
    for name, parameter in parameters.items():
        entry = known.get(name)
        annotation: Any = parameter.annotation
        if entry is None or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            made[name] = parameter
            continue
        if annotation is parameter.empty or isinstance(annotation, str):
            annotation = entry.annotation.whole
        if name in inputs:
            for class_type, found in inputs[name]:
                annotation = _narrow(annotation, entry.default, class_type, found, name in uncertain)
        text = texts.get(name)
        if text and not any(entry.annotation.about):
            annotation = Annotated[annotation, text]
        made[name] = parameter.replace(annotation=annotation)
    return made


def argument_texts(documentation: str) -> dict[str, str]:
    """What a docstring says about each argument, in the style of Google, NumPy, reST or Epydoc.

    Args:
        documentation: The docstring, cleaned.
    """
    if "\n" not in documentation:
        return {}
    from docstring_parser import ParseError, parse

    try:
        told = parse(documentation).params
    except ParseError:
        return {}
    found: dict[str, str] = {}
    for entry in told:
        text = " ".join((entry.description or "").split())
        for name in entry.arg_name.split(","):  # NumPy's style: one text for several
            if text:
                found[name.strip().lstrip("*")] = text
    return found


class _Text(str):
    """A string that no other is."""

    __slots__ = ()


class _Whole(int):
    """A number that no other is."""


class _Number(float):
    """A number that no other is."""


def _inputs(
    known: Parameters,
    call: Callable[[Mapping[str, Any]], Workflow[Any]],
    schema: Callable[[Workflow[Any]], Schema | None],
) -> dict[str, list[tuple[str, InputSchema]]]:
    """The inputs that each parameter comes to as it is, each with the class of its node."""
    marks = {name: mark for name, entry in known.items() if (mark := _mark(entry)) is not None}
    try:
        workflow = call(marks)
        classes = schema(workflow)
        return {} if classes is None else _found(workflow, marks, classes)
    except Exception:  # noqa: BLE001  # the user's own code may want other values: it is then not narrowed
        return {}


def _found(
    workflow: Workflow[Any], marks: Mapping[str, Any], schema: Schema
) -> dict[str, list[tuple[str, InputSchema]]]:
    unique = (_Text, _Whole, _Number, Path)  # there is one None, and one True
    names = {id(mark): name for name, mark in marks.items() if isinstance(mark, unique)}
    found: dict[str, list[tuple[str, InputSchema]]] = {}
    for node in linked_nodes(workflow.roots):
        marked = {name: names[id(value)] for name, value in node._inputs.items() if id(value) in names}
        definition = schema.get(node._class_type) if marked else None
        if definition is None:
            continue
        entries = {entry.name: entry for entry in unfold_inputs(definition.inputs, node._inputs)}
        for input_name, parameter in marked.items():
            if input_name in entries:
                found.setdefault(parameter, []).append((node._class_type, entries[input_name]))
    return found


def _mark(entry: Parameter) -> Any:
    """A value for a parameter that differs from all others; None if its default is used."""
    value: Any = entry.default
    if value is inspect.Parameter.empty:
        if not entry.is_required:
            return None
        value = _sample(entry.annotation)
    if type(value) is str:
        return _Text(value)
    if type(value) is int:
        return _Whole(value)
    if type(value) is float:
        return _Number(value)
    return type(value)(value) if isinstance(value, Path) else value


def _sample(annotation: Annotation) -> Any:
    choices = [*annotation.choices.values()]
    if choices:
        return choices[0]
    for member in annotation.members:
        origin = typing.get_origin(member) or member
        if origin in _SAMPLES:
            return _SAMPLES[origin]
        if origin in _EMPTY:
            return _EMPTY[origin]
    return None


def _narrow(annotation: Any, default: Any, class_type: str, entry: InputSchema, uncertain: bool) -> Any:
    """An annotation with what an input takes.

    Args:
        annotation: The parameter's.
        default: Its default.
        class_type: The class of the node.
        entry: The input.
        uncertain: Whether it may come to other inputs instead: then forms are reported, and nothing is
        refused.
    """
    inner, notes = bare(annotation)
    if is_union(inner):
        members = [
            _narrow(member, default, class_type, entry, uncertain) for member in typing.get_args(inner)
        ]
        made: Any = typing.Union[tuple(members)]  # noqa: UP007
        return Annotated[(made, *notes)] if notes else made
    if inner is str and entry.is_combo and not uncertain:
        choices = literal_of(entry)
        if choices is not None and (
            default is inspect.Parameter.empty or default is None or default in typing.get_args(choices)
        ):
            return Annotated[(choices, *notes)] if notes else choices
    hints = [hint for hint in notes_of(entry, class_type) if _suits(inner, hint)]
    limits = [*_tighter(annotation, entry, inner)] if not uncertain and _is_number(inner, entry) else []
    added = [*limits, *(hint for hint in hints if not any(isinstance(note, Hint) for note in notes))]
    return Annotated[(inner, *notes, *added)] if added else annotation


def _is_number(kind: Any, entry: InputSchema) -> bool:
    wanted = {"INT": (int,), "FLOAT": (int, float)}.get(entry.type, ())
    return kind in wanted


def _suits(kind: Any, hint: Hint) -> bool:
    if kind in (int, float):
        return not (hint.multiline or hint.upload or hint.files)
    is_path = isinstance(kind, type) and issubclass(kind, Path)
    return (kind is str or is_path) and hint.step is None and not hint.seed


def _tighter(annotation: Any, entry: InputSchema, kind: type[Any]) -> Iterator[Ge | Le]:
    """The limits of an input that are narrower than those which the annotation has."""
    own = Annotation(annotation)
    for limit in limits_of(entry, kind):
        if isinstance(limit, Ge):
            least: Any = limit.ge
            if own.smallest is None or least > own.smallest:
                yield limit
        else:
            most: Any = limit.le
            if own.largest is None or most < own.largest:
                yield limit


def _conditional(function: Callable[..., Any]) -> frozenset[str]:
    """The names that a function uses under a condition, beside those in the condition itself.

    Everything where its source cannot be read.
    """
    tree = source_of(function) if type(function) is FunctionType else None
    if tree is None:
        code = getattr(inspect.unwrap(function), "__code__", None)
        return frozenset(code.co_varnames) if code is not None else frozenset()
    return frozenset(_names_below(tree, below=False))


def _names_below(node: ast.AST, *, below: bool) -> Iterator[str]:
    waiting = [(node, below)]
    while waiting:
        each, inside = waiting.pop()
        if inside and isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            yield each.id
        for name, value in ast.iter_fields(each):
            deeper = inside or (isinstance(each, _CONDITIONS) and name not in ("test", "iter"))
            if isinstance(value, ast.AST):
                waiting.append((value, deeper))
            elif is_array(value):
                waiting += [(part, deeper) for part in value if isinstance(part, ast.AST)]
