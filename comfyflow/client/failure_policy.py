"""What a server is asked to do when a node fails: to end the prompt, or to go on with the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from ..errors import ServerError
from ..problem import Problem
from .core import Core
from .flow import Flow
from .run import Run
from .server_routes import features

NodeFailurePolicy: TypeAlias = Literal["continue_independent"]
"""What a server can be asked to do when a node fails, other than to end the prompt."""


def asked_policy(wanted: object, extra_data: Mapping[str, Any] | None) -> str | None:
    """The policy that a prompt asks for.

    Args:
        wanted: The option ``node_failure_policy``.
        extra_data: What is sent with the prompt; it may hold one too.

    Returns:
        The policy; None where the server is to do what it does by default.

    Raises:
        ValueError: The option is none of its values.
    """
    if wanted is not None and wanted not in get_args(NodeFailurePolicy):
        raise ValueError(f'node_failure_policy is "continue_independent" or None, not {wanted!r}')
    given = wanted if wanted is not None else (extra_data or {}).get("node_failure_policy")
    return given if isinstance(given, str) else None


def look_for_policy(core: Core, run: Run, policy: str | None) -> Flow[tuple[Problem, ...]]:
    """Ask whether the server knows the policy that a prompt asks for, and keep it with the run.

    Servers that know it say so (``supports_node_failure_policy`` in ``/features``); those up to
    0.36 do not have it. The prompt is sent in any case: an unknown policy does no harm.

    Args:
        core: The client.
        run: The prompt.
        policy: What it asks for; None where it asks for nothing.

    Returns:
        The warning that the server does not seem to know it, if it does not.
    """
    if policy is None:
        return ()
    run.policy = policy
    try:
        known = (yield from features(core)).get("supports_node_failure_policy") is True
    except ServerError:  # older servers have no such route
        known = False
    run.policy_known = known
    message = (
        f"the server does not say that it knows the node failure policy {policy!r}; if it does not, "
        "the first node that fails ends the prompt"
    )
    return () if known else (Problem("node_failure_policy_unknown", message, severity="warning"),)
