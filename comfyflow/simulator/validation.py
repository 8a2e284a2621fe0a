"""Whether a server would take a prompt: comfyflow's own validator, asked with the files of now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..json_types import is_object
from ..validate import coerce_prompt, validate_prompt
from .folders import PathEscapeError
from .live_schema import named_models

if TYPE_CHECKING:
    from .simulator import Simulator

SERVER_ERROR: Final = 500


class UnreadablePromptError(ValueError):
    """A prompt that a real server stumbles over: it answers 500."""


@dataclass
class Verdict:
    """What a server says to a prompt.

    Attributes:
        prompt: The prompt as it runs: its values converted to the types of their inputs.
        outputs: The output nodes that will run; empty: the prompt is refused.
        error: The ``error`` of the 400, or None.
        node_errors: What is wrong with which node; may hold something beside outputs that run.
    """

    prompt: dict[str, Any]
    outputs: list[str] = field(default_factory=list[str])
    error: dict[str, Any] | None = None
    node_errors: dict[str, Any] = field(default_factory=dict[str, Any])


def check_prompt(simulator: Simulator, prompt: Any, targets: Any = None) -> Verdict:
    """Check a prompt as the server does.

    Args:
        simulator: The server.
        prompt: What came as ``prompt``.
        targets: What came as ``partial_execution_targets``: the outputs that are wanted; None
            means all.

    Raises:
        UnreadablePromptError: It is what a server answers 500 to.
    """
    named = named_models(prompt, simulator.models) if is_object(prompt) else ()
    schema = simulator.live_schema(named)

    def exists(name: str) -> bool:
        try:
            return simulator.folders.annotated(name).exists()
        except PathEscapeError:
            return False

    report = validate_prompt(prompt, schema, partial_execution_targets=targets, file_exists=exists)
    if report.status == SERVER_ERROR:
        raise UnreadablePromptError(str(report))
    answer = report.to_server_json()
    verdict = Verdict({}, list(report.outputs), answer["error"], answer["node_errors"])
    if report.valid:
        verdict.prompt = coerce_prompt(prompt, schema, partial_execution_targets=targets)
    return verdict
