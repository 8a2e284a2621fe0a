"""The proof that generated source gives the same graph: it is run, and what comes out compared.

What no Python program can make is refused before.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import PromptError, PythonSourceError
from ..graph import Graph, GraphNode, Link
from ..graph.prompt import read_prompt
from ..json_types import is_array, is_object
from ..schema import NodeSchema, Schema
from ..source import Source
from ..workflows import WorkflowFunction
from .accepted import python_value

if TYPE_CHECKING:
    from ..diff import Diff


MAX_NESTING: Final = 50
"""How deep a value may be nested: what Python's parser takes within the calls around it."""

MAX_BITS: Final = 1024
"""How large a number may be. JSON readers of other languages give up long before."""

SHOWN: Final = 10
"""How many reasons a message lists."""


def checked_graph(given: Graph | Mapping[str, Any]) -> Graph:
    """What someone gives as a graph that a program can give, of values that JSON has.

    The editor makes NaN of some values, which a browser sends as null.

    Args:
        given: A graph, prompt JSON, or what `convert_workflow` returns.

    Raises:
        PromptError: It is not a prompt.
        PythonSourceError: See `check_graph`.
    """
    graph = given.with_spelled_scopes() if isinstance(given, Graph) else Source(given).graph
    check_graph(graph)
    return graph.with_nodes(
        node.with_inputs(
            {name: value if type(value) is Link else _plain(value) for name, value in node.inputs.items()}
        )
        for node in graph.values()
    )


def check_graph(graph: Graph) -> None:
    """Make sure that a program can give this graph.

    Raises:
        PythonSourceError: It has no nodes, or there is a cycle, a link to nothing, or a value
            that no prompt can hold; the message says at which nodes.
    """
    if not graph:
        raise PythonSourceError("there are no nodes, so there is no workflow to write")
    reasons = [reason for node in graph.values() for reason in _reasons(node, graph)]
    reasons = reasons or list(_cycles(graph))
    if reasons:
        more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        raise PythonSourceError(f"cannot be written as Python: {'; '.join(reasons[:SHOWN])}{more}")


def _reasons(node: GraphNode, graph: Graph) -> Iterator[str]:
    for name, value in node.inputs.items():
        where = f"input {name!r:.80} of {node.class_type!r:.80} #{node.node_id:.40}"
        if type(value) is Link:
            if value.node_id not in graph:
                yield f"{where} is linked to node {value.node_id!r:.40}, which does not exist"
            elif value.slot < 0:
                yield f"{where} is linked to output {value.slot}, which no node has"
        elif is_array(value):
            yield f"{where} is a bare list, which a server takes for a broken link"
        else:
            wrong = _wrong(python_value(value))
            if wrong:
                yield f"{where} {wrong}"


def _wrong(value: Any) -> str:
    """What is wrong with a value, or ``""``. It does not recurse."""
    level = [value]
    for depth in range(MAX_NESTING + 1):
        inner: list[Any] = []
        for part in level:
            if is_object(part) or is_array(part):
                if depth == MAX_NESTING:
                    return f"is nested more than {MAX_NESTING} levels deep"
                if is_object(part) and not all(isinstance(key, str) for key in part):
                    return "has an object whose keys are not strings"
                inner.extend(part.values() if is_object(part) else part)
            elif isinstance(part, int) and part.bit_length() > MAX_BITS:
                return "holds a number that is too large"
            elif part is not None and not isinstance(part, (str, int, float)):
                return f"holds a {type(part).__name__}, which JSON cannot hold"
        level = inner
    return ""


def _cycles(graph: Graph) -> Iterator[str]:
    for circle in graph.circles():
        yield f"nodes depend on themselves, in a cycle: {graph.shown_circle(circle):.400}"


def _plain(value: Any) -> Any:
    """A value that is nested no deeper than is checked."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_array(value):
        return [_plain(part) for part in value]
    return {key: _plain(part) for key, part in value.items()} if is_object(value) else value


TIMEOUT_SECONDS: Final = 120.0
"""How long the module may take. One of 5,000 nodes takes less than two seconds."""

_PROGRAM: Final = """
import sys
sys.path[:0] = sys.argv[1].split("\\n")
from comfyflow.python_source.proof import write_prompt
write_prompt(sys.argv[2])
"""
_TITLE: Final = "\0title"


def prove(
    source: str,
    graph: Graph | Mapping[str, Any],
    schema: Schema,
    *,
    package: str = "comfynodes",
    packages: str | os.PathLike[str] | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> Diff:
    """Run the source of a workflow in a fresh interpreter, and compare its graph with another.

    The interpreter is isolated: it knows the installed packages, comfyflow and the node package,
    but neither the environment's paths nor the current folder.

    Args:
        source: What `to_python` gave.
        graph: The graph (or prompt JSON) that it was given.
        schema: The schema that it was given: a title that is a class's own is not a title.
        package: The package that the node classes are imported from.
        packages: The folder that the package is in; by default, where it is installed.
        timeout: How many seconds the module may take.

    Returns:
        The difference from the graph to what the source gives: `Diff.empty` if it is proven.
        Neither ids nor the order of nodes and inputs count.

    Raises:
        PythonSourceError: The source cannot be run, or the package does not exist.
        PromptError: The JSON is not a prompt.
    """
    return compare(checked_graph(graph), _run(source, _paths(package, packages), timeout), schema)


def prove_with_new_package(
    source: str, graph: Graph | Mapping[str, Any], schema: Schema, *, package: str = "comfynodes"
) -> Diff:
    """Prove the source of a workflow with a package that is generated for it, and removed again.

    Args:
        source: See `prove`.
        graph: See `prove`.
        schema: See `prove`; the package is generated from it.
        package: What the package is called in the source.

    Returns:
        See `prove`.

    Raises:
        PythonSourceError: The source cannot be run.
        PromptError: The JSON is not a prompt.
        CodegenError: No package can be generated from the schema.
    """
    from ..codegen import Options, generate

    with tempfile.TemporaryDirectory(prefix="comfyflow-") as folder:
        generate(schema, Options(docs=False)).write(Path(folder, *package.split(".")))
        return prove(source, graph, schema, package=package, packages=folder)


def compare(before: Graph, after: Graph, schema: Schema) -> Diff:
    """The difference between two graphs; a title that is what the class is called is not one.

    Args:
        before: The first graph.
        after: The second.
        schema: What classes are called.
    """
    from ..diff import diff

    before, after = _own_titles(before, schema), _own_titles(after, schema)
    if diff(_titles_as_inputs(before), _titles_as_inputs(after)).runs_the_same:
        # Of nodes that are alike except for their titles, the right ones have been paired.
        return diff(_untitled(before), _untitled(after))
    return diff(before, after)


def _paths(package: str, packages: str | os.PathLike[str] | None) -> list[str]:
    ours = str(Path(__file__).resolve().parents[2])
    if packages is not None:
        return [str(Path(packages).resolve()), ours]
    first = package.partition(".")[0]
    found = importlib.util.find_spec(first)
    places = list(found.submodule_search_locations or ()) if found is not None else []
    if not places:
        raise PythonSourceError(f"no package {first!r} found to test the source with; run gen-stubs first")
    return [*(str(Path(place).resolve().parent) for place in places), ours]


def _run(source: str, paths: list[str], timeout: float) -> Graph:
    with tempfile.TemporaryDirectory(prefix="comfyflow-") as folder:
        file = Path(folder, "generated.py")
        file.write_text(source, encoding="utf-8")
        command = [sys.executable, "-I", "-B", "-c", _PROGRAM, "\n".join(paths), str(file)]
        try:
            done = subprocess.run(  # noqa: S603  # the interpreter itself, and source that was just made
                command,
                capture_output=True,
                timeout=timeout,
                check=False,
                cwd=folder,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise PythonSourceError(f"the source did not finish within {timeout:g} s") from None
        except OSError as error:
            raise PythonSourceError(f"cannot start Python to test the source: {error.strerror}") from None
    if done.returncode != 0:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PythonSourceError(f"the source does not run: {told[-1] if told else f'exit {done.returncode}'}")
    try:
        return read_prompt(json.loads(done.stdout))
    except (ValueError, PromptError) as error:
        raise PythonSourceError(f"the source returned no prompt: {error}") from None


def _own_titles(graph: Graph, schema: Schema) -> Graph:
    """The graph without titles that only repeat what the node's class is called."""
    return Graph(_with(node, node.inputs, _own_title(node, schema)) for node in graph.values())


def _own_title(node: GraphNode, schema: Schema) -> str | None:
    known: NodeSchema | None = schema.get(node.class_type)
    usual = (node.class_type, known.display_name if known is not None else None)
    return node.title if node.title and node.title not in usual else None


def _titles_as_inputs(graph: Graph) -> Graph:
    return Graph(_with(node, {**node.inputs, _TITLE: node.title}, None) for node in graph.values())


def _untitled(graph: Graph) -> Graph:
    return Graph(_with(node, node.inputs, None) for node in graph.values())


def _with(node: GraphNode, inputs: dict[str, Any], title: str | None) -> GraphNode:
    return GraphNode(node.node_id, node.class_type, inputs, title)


def write_prompt(file: str) -> None:
    """Write the prompt JSON of the one workflow in a file to standard output."""
    spec = importlib.util.spec_from_file_location("generated", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[WorkflowFunction[..., Any]] = [
        value for value in vars(module).values() if isinstance(value, WorkflowFunction)
    ]
    (workflow,) = found
    json.dump(workflow().to_prompt(), sys.stdout)
