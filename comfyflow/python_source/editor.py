"""Groups, notes and names of subgraphs, from what the importer tells of the editor's canvases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConversionError
from ..schema import Schema
from .annotation import Annotations, Group, Note

if TYPE_CHECKING:
    from ..importer.editor_graph import EditorGraph, EditorGroup, EditorNote, SubgraphUse


def read_annotations(
    workflow: Mapping[str, Any], schema: Schema, *, editor: str | None = None
) -> Annotations:
    """Read what people wrote around the nodes of a workflow.

    Args:
        workflow: The editor's JSON.
        schema: The schema of its classes.
        editor: The version of the editor whose rules give the nodes their ids; by default the one that
            saved the workflow.

    Returns:
        The annotations, by the ids that the nodes have in the prompt; none where the workflow
        cannot be converted.
    """
    from ..importer import convert_workflow, saved_by

    saved = saved_by(workflow) if editor is None else None
    editor = str(saved) if saved is not None else editor
    try:
        return annotations_of(convert_workflow(workflow, schema, editor=editor, repair=True, seed=0).editor)
    except ConversionError:
        return Annotations()


def annotations_of(editor: EditorGraph) -> Annotations:
    """What the editor knows of a conversion, as far as it is written into Python."""
    canvases = dict(_canvases(editor))
    groups: dict[str, Group] = {}
    for key, node in editor.nodes.items():
        group = _around(canvases, node.hosts[-1] if node.hosts else "", node.position)
        if group is not None:
            groups[key] = group
    for key, use in editor.uses.items():
        group = _around(canvases, key.rpartition(":")[0], use.position)
        if group is not None:
            groups[key] = group
    return Annotations(
        {key: _name(editor, use) for key, use in editor.uses.items()},
        groups,
        dict(_notes(editor, canvases)),
        {
            (key, *target): entry.label or entry.name
            for key, use in editor.uses.items()
            for entry in use.inputs
            for target in entry.targets
        },
    )


def _canvases(editor: EditorGraph) -> Iterator[tuple[str, tuple[EditorGroup, ...]]]:
    """The groups of each canvas, the largest first, by the id of its host."""
    yield "", editor.groups
    for key, use in editor.uses.items():
        definition = editor.definitions.get(use.definition_id)
        yield key, definition.groups if definition is not None else ()


def _around(
    canvases: Mapping[str, tuple[EditorGroup, ...]], canvas: str, position: tuple[float, float]
) -> Group | None:
    """The smallest group with a title that a point lies in."""
    found = list(enumerate(canvases.get(canvas, ())))
    for number, group in reversed(found):
        if group.title.strip() and group.holds(position):
            return Group(group.title, canvas, number)
    return None


def _name(editor: EditorGraph, use: SubgraphUse) -> str:
    definition = editor.definitions.get(use.definition_id)
    return definition.name if definition is not None and definition.name else use.title


def _notes(
    editor: EditorGraph, canvases: Mapping[str, tuple[EditorGroup, ...]]
) -> Iterator[tuple[str, list[Note]]]:
    def on(canvas: str, notes: tuple[EditorNote, ...]) -> list[Note]:
        return [Note(one.text, one.title or "", _around(canvases, canvas, one.position)) for one in notes]

    yield "", on("", editor.notes)
    for definition in editor.definitions.values():
        for host in definition.host_ids:
            yield host, on(host, definition.notes)
