"""Which classes the nodes of a prompt are of, and what a server says before it looks at inputs."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final, TypeGuard

from ..graph.prompt import META, meta_of
from ..json_types import is_list, is_object, object_or_empty
from .findings import shown
from .plan import ClassPlan, SchemaPlans
from .rules import ServerRules
from .server_answer import INTERNAL_ERROR, ServerAnswer, rejected
from .server_error import ErrorEntry

_DICT: Final[Any] = dict


class Classes:
    """The classes of a prompt's nodes.

    Attributes:
        plans: The plan of each node's class; None if there is none.
        outputs: The output nodes, in the prompt's order.
        missing: What the server says about nodes without a class that it has, by node.
        answer: Its answer, where the prompt fails here as a whole.
    """

    def __init__(self) -> None:
        self.plans: dict[str, ClassPlan | None] = {}
        self.outputs: list[str] = []
        self.missing: dict[str, ErrorEntry] = {}
        self.answer: ServerAnswer | None = None


def crash(why: str) -> ServerAnswer:
    """The answer where the server's own code fails: a 500 without JSON."""
    error = ErrorEntry("internal_server_error", "500 Internal Server Error", why, {})
    return rejected(error, INTERNAL_ERROR)


def no_outputs() -> ServerAnswer:
    """The answer to a prompt that has nothing to run."""
    return rejected(ErrorEntry("prompt_no_outputs", "Prompt has no outputs", "", {}))


def find_classes(prompt: Mapping[str, Any], plans: SchemaPlans) -> Classes:
    """Find the class of every node.

    Args:
        prompt: The prompt.
        plans: The plans of the server's classes.
    """
    found = Classes()
    known, by_node = plans.known, found.plans
    odd = False
    for node_id, node in prompt.items():
        class_type = node.get("class_type") if type(node) is _DICT else None
        plan = known.get(class_type) if type(class_type) is str else None
        if plan is None:
            plan = _find_class(found, node_id, node, plans)
            odd = odd or type(class_type) is not str
        by_node[node_id] = plan
        if plan is not None and plan.is_output:
            found.outputs.append(node_id)
        odd = odd or type(node.get("inputs")) is not _DICT
    if odd and plans.rules.replaces_nodes:
        found.answer = _replacing(prompt) or found.answer
    return found


def _find_class(found: Classes, node_id: str, node: Any, plans: SchemaPlans) -> ClassPlan | None:
    class_type = node.get("class_type") if is_object(node) else None
    plan = plans.get(class_type)
    if plan is None:
        answer, error = _missing(node_id, node, plans.rules)
        found.missing[node_id] = error
        found.answer = found.answer or answer
    return plan


def _replacing(prompt: Mapping[str, Any]) -> ServerAnswer | None:
    """0.14 and later walk all inputs before anything is checked, to replace old nodes."""
    for node_id, node in prompt.items():
        if type(node) is _DICT and type(node.get("inputs")) is _DICT and type(node.get("class_type")) is str:
            continue
        if is_object(node):
            if "class_type" not in node or "inputs" not in node:
                continue
            if isinstance(node["class_type"], (list, dict)):
                return crash(f"node {shown(node_id)} has a class_type that is not a string")
            if not is_object(node["inputs"]):
                return crash(f"node {shown(node_id)} has inputs that are not an object")
        elif not isinstance(node, (str, list)):
            return crash(f"node {shown(node_id)} must be an object, not {shown(node)}")
    return None


def _missing(node_id: str, node: Any, rules: ServerRules) -> tuple[ServerAnswer, ErrorEntry]:
    """What the server says about a node of no class that it has."""
    if not is_object(node):
        is_text_or_list = isinstance(node, str) or is_list(node)
        if rules.names_missing_node or not is_text_or_list or "class_type" in node:
            answer = crash(f"node {shown(node_id)} must be an object, not {shown(node)}")
            return answer, answer.error or _no_class(node_id, {}, rules)
        error = _no_class(node_id, {}, rules)
        return rejected(error), error
    if isinstance(node.get("class_type"), (list, dict)):
        answer = crash(f"node {shown(node_id)} has a class_type that is not a string")
        return answer, _unknown_class(node_id, node, rules)
    error = (_unknown_class if "class_type" in node else _no_class)(node_id, node, rules)
    if rules.names_missing_node and not is_object(meta_of(node, {})):
        return crash(f"node {shown(node_id)} has a {META} that is not an object"), error
    return rejected(error), error


def _no_class(node_id: str, node: Mapping[str, Any], rules: ServerRules) -> ErrorEntry:
    details = f"Node ID '#{node_id}'"
    if not rules.names_missing_node:
        message = "Cannot execute because a node is missing the class_type property."
        return ErrorEntry("invalid_prompt", message, details, {})
    title = object_or_empty(meta_of(node)).get("title")
    message = (
        f"Node '{title or f'ID #{node_id}'}' has no class_type. "
        "The workflow may be corrupted or a custom node is missing."
    )
    info = {"node_id": node_id, "class_type": None, "node_title": title}
    return ErrorEntry("missing_node_type", message, details, info)


def _unknown_class(node_id: str, node: Mapping[str, Any], rules: ServerRules) -> ErrorEntry:
    class_type = node.get("class_type")
    details = f"Node ID '#{node_id}'"
    if not rules.names_missing_node:
        message = f"Cannot execute because node {class_type} does not exist."
        return ErrorEntry("invalid_prompt", message, details, {})
    title = object_or_empty(meta_of(node)).get("title", class_type)
    message = f"Node '{title}' not found. The custom node may not be installed."
    info = {"node_id": node_id, "class_type": class_type, "node_title": title}
    return ErrorEntry("missing_node_type", message, details, info)


def targeted(outputs: list[str], targets: object) -> list[str] | None:
    """The outputs that the request asks for, or None if the server's code fails at them.

    Args:
        outputs: The output nodes of the prompt.
        targets: ``partial_execution_targets``: anything that Python can look into.
    """
    if targets is None:
        return outputs
    if not _is_container(targets):
        return None if outputs else []
    try:
        return [output for output in outputs if output in targets]
    except TypeError:
        return None


def _is_container(value: object) -> TypeGuard[Container[Any]]:
    return isinstance(value, Container)
