"""Editor workflows, made of whatever comfyflow holds."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from ..collector import collector_paused
from ..errors import ComfyflowError, ExportError, SchemaError
from ..graph import Graph
from ..importer import Conversion, convert_workflow
from ..importer.editor_rules import EditorRules, choose_editor
from ..input_file import is_path
from ..problem import Problem
from ..schema import Schema
from ..schema.package import reference_schema
from ..source import Source, read_json
from .comparison import differences
from .editor_scopes import flattened, keeps_own_values
from .source_notes import NOTHING, Told, told_by
from .writing import FRONTEND, editor_json


class WrittenWorkflow(dict[str, Any]):
    """An editor workflow. It *is* the JSON: a dictionary.

    Attributes:
        warnings: Values that the editor will send differently, one warning per node; notes where it
            only adds defaults.
        frontend: The editor release that it was written for.
    """

    def __init__(self, workflow: Mapping[str, Any], warnings: list[Problem], frontend: str) -> None:
        super().__init__(workflow)
        self.warnings = warnings
        self.frontend = frontend


def to_workflow(
    graph: object,
    schema: Schema | None = None,
    *,
    frontend: str | None = None,
    name: str = "",
    like: object = None,
    subgraphs: bool = False,
) -> WrittenWorkflow:
    """Write a workflow that the ComfyUI editor loads and turns into the same prompt again.

    Nodes keep their ids and titles. Scopes of the graph become subgraphs. What the editor cannot hold is
    reported in ``warnings``. If the graph came from an editor file, is `like` one, or is made by a function
    with a ``canvas``, that file is written with the differences applied. Everything else in it stays,
    including what prompts lack (positions, colours, groups, notes, bypassed nodes), and nodes keep their
    ids from it.

    Args:
        graph: A graph, a workflow or a node in Python, a conversion, prompt JSON, editor JSON, or a file.
        schema: The node classes of the editor's server; by default those that the Python classes
            were generated from, else those of the reference package.
        frontend: The release of the editor: ``"1.45"``, or any other; for an unknown one, the
            nearest is used. By default 1.45; for a file that is updated, the server's or the one that saved
            it.
        name: The workflow's name.
        like: The editor workflow it came from: editor JSON, a file with it, or its conversion.
        subgraphs: Write functions that a workflow function calls as subgraphs: one definition, and a
            node per call that exposes the parameters holding values. This calls the workflow function once
            more. Nodes in subgraphs get different ids: ``12:3``.

    Returns:
        The JSON, with its warnings.

    Raises:
        ExportError: A node has no class, `like` holds no editor workflow, or an argument has
            the wrong type.
        ClientError: It does not hold a workflow.
        ConversionError: The editor's JSON cannot be read, or `frontend` is not a version.
        CompileError: See `Workflow.compile`.
    """
    _check_types(schema, name)
    source = Source.of(graph, schema)
    known = schema if schema is not None else _own_schema(source)
    document = _document(like, source)
    asked = FRONTEND if frontend is None and document is None else frontend
    editor = choose_editor(asked, known, document or {})
    made = _written(source, known, editor.rules, name or source.name, document, subgraphs=subgraphs)
    made.warnings[:0] = [Problem(type_, text, "warning") for type_, text in editor.notes]
    return made


def _written(
    source: Source,
    known: Schema,
    rules: EditorRules,
    called: str,
    document: Mapping[str, Any] | None,
    *,
    subgraphs: bool,
) -> WrittenWorkflow:
    """The file of the editor with what is different, or one that is written again."""
    from .revision import origin_of, revised, with_looks

    held = source.graph
    with collector_paused():
        origin = origin_of(document, held, known, rules) if document is not None else None
        if origin is None:
            told = told_by(source.workflow)
            made = held.with_spelled_scopes()
            if subgraphs and source.workflow is not None and not source.given:
                from .call_scopes import with_call_scopes

                own = keeps_own_values(rules)
                scoped = with_call_scopes(source.workflow, known, values_differ=own)
                if scoped is not None:
                    made, told = scoped[0], replace(told, calls=scoped[1])
            return _checked(made, known, rules, called, told)
        changed = revised(origin, known, rules)
        if changed is not None:
            return WrittenWorkflow(*changed, rules.name)
        anew = _checked(origin.graph, known, rules, called, NOTHING)
        with_looks(anew, origin)
        return anew


def _own_schema(source: Source) -> Schema:
    """The schema of the workflow's own classes; the reference package's where they are of no package.

    Raises:
        SchemaError: There is no reference package either.
    """
    with suppress(SchemaError):
        own = source.own_schema()
        if own is not None:
            return own
    return reference_schema()


def _check_types(schema: object, name: object) -> None:
    if schema is not None and not isinstance(schema, Schema):
        kind = type(schema).__name__
        raise ExportError(
            f"schema must be a Schema, not {kind}: load_schema reads one from a file or a server"
        )
    if not isinstance(name, str):
        raise ExportError(f"name must be a string, not {type(name).__name__}")


def _document(like: object, source: Source) -> Mapping[str, Any] | None:
    """The file of the editor that a graph came from, or is said to be like.

    Raises:
        ExportError: What it is said to be like is not an editor workflow.
    """
    if like is not None:
        held = like.graph if isinstance(like, Conversion) else like
        found = held.canvas.document if isinstance(held, Graph) else read_json(held)[1]
        if found is None:
            is_file = is_path(like) or (isinstance(like, str) and like.lstrip()[:1] not in ("{", "["))
            what = f"{like} holds" if is_file else "this is"
            raise ExportError(f"like must be an editor workflow, but {what} a prompt")
        return found
    document = source.graph.canvas.document
    if document is None:
        document = source.editor
    return document if document is not None else canvas_of(source)


def canvas_of(source: Source) -> Mapping[str, Any] | None:
    """The file of the editor that the function of a workflow has as its ``canvas``.

    Raises:
        ExportError: The file does not exist, or it holds no editor workflow.
    """
    file = source.workflow._canvas if source.workflow is not None else None
    if file is None:
        return None
    try:
        found = read_json(file)[1]
    except ComfyflowError as error:
        reason = "file not found" if not file.exists() else str(error)
        raise ExportError(f"the canvas of {source.name!r} is {file}: {reason}") from None
    if found is None:
        raise ExportError(
            f"the canvas of {source.name!r} is {file}: that is a prompt, not an editor workflow"
        )
    return found


def _checked(graph: Graph, schema: Schema, rules: EditorRules, name: str, told: Told) -> WrittenWorkflow:
    """The workflow with its warnings: flat, where only so the editor gives all back."""
    for node in graph.values():
        if not node.class_type:
            raise ExportError(
                f"node {node.node_id!r} has no class, and the editor cannot hold a node without one"
            )

    def attempt(written: Graph, by_name: frozenset[str] = frozenset()) -> _Attempt:
        made = editor_json(written, schema, rules, name, by_name=by_name, told=told)
        prompt = convert_workflow(made, schema, editor=rules.name, seed=0)
        return _Attempt(made, differences(graph, prompt, schema, rules))

    best = attempt(graph)
    if best.faults and "definitions" in best.workflow:
        best = min(best, attempt(flattened(graph)), key=_faults)
    by_name = frozenset(one.node_id or "" for one in best.faults if _of_pack(schema, one.class_type))
    if by_name:
        best = min(best, attempt(graph, by_name), key=_faults)
    return WrittenWorkflow(best.workflow, best.problems, rules.name)


class _Attempt(NamedTuple):
    """A way to write a graph, and what the editor would send otherwise."""

    workflow: dict[str, Any]
    problems: list[Problem]

    @property
    def faults(self) -> list[Problem]:
        """The problems that are more than notes."""
        return [problem for problem in self.problems if problem.severity == "warning"]


def _faults(attempt: _Attempt) -> int:
    return len(attempt.faults)


def _of_pack(schema: Schema, class_type: str | None) -> bool:
    known = schema.get(class_type or "")
    return known is not None and known.of_pack
