"""Refusals of a server, with what it could have told: the names that it would have taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import ClientError, PromptRejected
from ..json_types import object_or_empty
from ..problem import Problem
from ..schema import Schema
from ..source import Source
from .core import Core
from .flow import Flow
from .node_class import class_infos
from .server_routes import object_info

_MISSING_CLASS: Final = "missing_node_type"
_VERSION: Final = "0.27.0"
"""Of a server of which nobody has said what it is."""


def with_choices(core: Core, error: PromptRejected, prepared: Source) -> Flow[PromptRejected]:
    """A refusal with the nearest names of what is installed, where the server did not tell them.

    Args:
        core: The client.
        error: The refusal.
        prepared: What was sent.

    Returns:
        The same refusal, told better where the server says more.
    """
    from ..validate import Report

    body: Mapping[str, Any] = error.report.to_server_json()
    prompt: Mapping[str, Any] = prepared.prompt
    try:
        if error.report.error == _MISSING_CLASS:
            found: Mapping[str, Any] = yield from object_info(core)
            prompt = _with_saved_classes(prepared)
            body = _with_class_name(body, prompt)
        else:
            refused = ("value_not_in_list", "custom_validation_failed")
            names = {problem.class_type for problem in error.report.errors if problem.type in refused}
            infos = yield from class_infos(core, sorted(name for name in names if name), anew=True)
            found = {name: info for name, info in infos.items() if info is not None}
    except ClientError:
        return error
    if not found:
        return error
    report = Report.from_server(
        body,
        error.status,
        prompt=prompt,
        places=prepared.places,
        schema=Schema(found, _VERSION, str(core.address), is_whole=False),
    )
    first = report.error_message if error.report.error == _MISSING_CLASS else None
    return PromptRejected(f"{first or str(error).partition(chr(10))[0]}\n{report}", report, error.status)


def _with_saved_classes(prepared: Source) -> Mapping[str, Any]:
    """The prompt with the classes that the editor's JSON had: the editor sends none that it does not know."""
    saved = {
        warning.node_id: warning.class_type
        for warning in prepared.warnings
        if isinstance(warning, Problem) and warning.type == "unknown_class"
    }
    prompt: Mapping[str, Any] = prepared.prompt
    return {
        node_id: {**node, "class_type": saved[node_id]} if saved.get(node_id) else node
        for node_id, node in prompt.items()
    }


def _with_class_name(body: Mapping[str, Any], prompt: Mapping[str, Any]) -> Mapping[str, Any]:
    """A server's answer that names the class, where it names the node's title only, or nothing."""
    said = object_or_empty(body.get("error"))
    info = object_or_empty(said.get("extra_info"))
    node = object_or_empty(prompt.get(str(info.get("node_id"))))
    class_type, title = node.get("class_type"), info.get("node_title")
    if not isinstance(class_type, str) or title == class_type:
        return body
    lacks = f"the server has no node class {class_type!r}; the pack that it comes with may not be installed"
    message = f"Node {title!r} not found: {lacks}." if title else f"T{lacks[1:]}."
    return {**body, "error": {**said, "message": message}}
