"""Workflows and prompts drawn by the project's own strategies, the same in every run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from comfyflow import to_workflow
from comfyflow.graph import Graph, to_prompt
from comfyflow.schema import NodeSchema, Schema
from comfyflow.testing.strategies import graphs, invalid_prompts, prompts

from .canvas import Json
from .editor import EDITORS

WORKFLOWS: Final = 16
PROMPTS: Final = 70
INVALID: Final = 240
_LARGEST: Final = 2200
"""How many characters one may have."""

T = TypeVar("T")


def drawn(strategy: SearchStrategy[T], count: int, accept: Callable[[T], bool]) -> list[T]:
    """The first `count` examples of a strategy that are accepted."""
    found: list[T] = []

    @seed(15)
    @settings(
        max_examples=count * 6,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    @given(strategy)
    def draw(example: T) -> None:
        if len(found) < count and accept(example):
            found.append(example)

    draw()
    return found


def fair(node: NodeSchema) -> bool:
    """Whether a class is fit for this: it asks no paid service, and needs nothing of the editor alone."""
    own = ("LOAD_3D", "WEBCAM", "AUDIO_UI", "COMPOSITOR", "VIDEO_EDIT")
    return not node.python_module.startswith("comfy_api_nodes") and not any(
        entry.type.startswith(own) for entry in node.inputs
    )


def workflows(schema: Schema) -> dict[str, Json]:
    """Drawn graphs as files of the editor, with some of their nodes off, and some values gone."""
    chance = random.Random(15)
    made: dict[str, Json] = {}
    for graph in drawn(graphs(schema, max_nodes=6, choose=fair), WORKFLOWS, _is_small):
        workflow: Json = json.loads(json.dumps(to_workflow(graph, schema, frontend=EDITORS[-1])))
        if len(made) % 2:
            _edit(workflow, chance)
        made[f"drawn_{len(made):02}"] = workflow
    return made


def _is_small(graph: Graph) -> bool:
    return len(graph) > 2 and len(json.dumps(to_prompt(graph))) < _LARGEST


def _edit(workflow: Json, chance: random.Random) -> None:
    for node in chance.sample(workflow["nodes"], 2):
        node["mode"] = chance.choice((2, 4))
    values = [node for node in workflow["nodes"] if node.get("widgets_values")]
    for node in values[:2]:
        saved: list[Any] = node["widgets_values"]
        chance.choice([saved.pop, saved.clear, lambda saved=saved: saved.insert(0, None)])()


def accepted_prompts(schema: Schema) -> list[Json]:
    """Prompts that a server should accept."""
    return drawn(prompts(schema, max_nodes=5, choose=fair), PROMPTS, _is_short)


def refused_prompts(schema: Schema) -> list[Json]:
    """Prompts with one mistake."""
    wanted = invalid_prompts(schema, max_nodes=4, choose=fair)
    return [each.prompt for each in drawn(wanted, INVALID, lambda each: _is_short(each.prompt))]


def _is_short(prompt: Json) -> bool:
    return bool(prompt) and len(json.dumps(prompt)) < _LARGEST
