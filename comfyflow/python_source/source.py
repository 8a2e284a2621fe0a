"""A graph as Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ..errors import PythonSourceError
from ..graph import ROOT, Graph, Link
from ..schema import Schema
from .annotation import Annotations, annotations_of
from .check import checked_graph
from .division import Division
from .fitting import FROM_COMFYFLOW, fit_body
from .foreign import with_marked_paths
from .module import ModuleWriter
from .node_class import NodeClasses, node_classes
from .order import natural_order
from .parameter import KINDS, Chosen, Place, choose_parameters, parameter_of_values
from .program import WHOLE, Body, Local, NodeStep
from .text import docstring_text
from .unit import Unit, find_units

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
    """
    if not all(part.isidentifier() for part in package.split(".")):
        raise PythonSourceError(f"{package!r:.80} is not a package name")
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
