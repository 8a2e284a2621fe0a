"""Agents search and look at node classes, of which servers may have thousands, whatever these are called."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.agents.answer import ToolAnswer, cut, encoded_size
from comfyflow.bounds import AGENT_ANSWER
from comfyflow.schema import Schema, load_schema
from tests.agent import Agent, with_agent, workbench
from tests.test_node_index import entry

MANY = [f"model {number:05}.safetensors" for number in range(5_000)]
UNSHOWN = "Evil\x1b[31m\u202eNode\x07"


def classes() -> Mapping[str, Any]:
    return {
        "Loader": entry(
            input={"required": {"name": [MANY, {}], "steps": ["INT", {"min": 1}]}}, output=["MODEL"]
        ),
        UNSHOWN: entry(display_name=UNSHOWN, description=f"{UNSHOWN}\u2028", category=UNSHOWN),
        **{
            f"Pack{number}": entry(display_name="x" * 5_000, description="y" * 50_000)
            for number in range(500)
        },
    }


def asked(tmp_path: Path, tool: str, *, fails: bool = False, **arguments: Any) -> str:
    async def act(agent: Agent) -> str:
        return await (agent.refused if fails else agent.told)(tool, **arguments)

    return with_agent(workbench(tmp_path, Schema(classes(), "0.33.0")), act)


def test_a_search_lists_some_and_says_how_to_go_on(tmp_path: Path) -> None:
    said = asked(tmp_path, "search_nodes", words="pack", limit=5)
    assert said.splitlines()[0].startswith("500 of 502 node classes match")
    assert len(said.splitlines()) == 7
    assert "495 more: continue with offset 5" in said
    assert asked(tmp_path, "search_nodes", words="pack", limit=5, offset=498).count("Pack") == 2
    assert "Loader" in asked(tmp_path, "search_nodes", gives="model")


def test_an_answer_is_cut_at_its_bound_unless_more_is_asked_for(tmp_path: Path) -> None:
    small = asked(tmp_path, "search_nodes", limit=1_000)
    assert "cut here" in small
    assert len(small.encode()) < AGENT_ANSWER
    large = asked(tmp_path, "search_nodes", limit=1_000, max_bytes=200_000)
    assert "cut here" not in large
    assert large.count("Pack") == 500
    assert "cut here" in asked(tmp_path, "describe_node", names=["Pack1"])
    both = asked(tmp_path, "describe_node", names=["Pack1", "Pack2"], max_bytes=100_000)
    assert "ask only for Pack1" in both


def test_what_is_not_there_is_answered_with_the_nearest(tmp_path: Path) -> None:
    assert "Did you mean Loader?" in asked(tmp_path, "search_nodes", words="loadr")
    assert "Did you mean Loader?" in asked(tmp_path, "describe_node", fails=True, names=["Loadr"])
    assert "it has: name, steps" in asked(tmp_path, "describe_node", names=["Loader"], choices_of="nam")
    assert "takes INT" in asked(tmp_path, "describe_node", names=["Loader"], choices_of="steps")


def test_long_lists_of_choices_are_told_in_parts(tmp_path: Path) -> None:
    assert "(4988 more)" in asked(tmp_path, "describe_node", names=["Loader"])
    found = asked(tmp_path, "describe_node", names=["Loader"], choices_of="name", containing="l 0499")
    assert found.splitlines()[1:] == [f"model 0499{digit}.safetensors" for digit in range(10)]
    rest = asked(tmp_path, "describe_node", names=["Loader"], choices_of="name", offset=4_999)
    assert rest.splitlines()[1:] == [MANY[-1]]


def test_names_that_steer_a_terminal_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    for said in (
        asked(tmp_path, "search_nodes", words="evil"),
        asked(tmp_path, "describe_node", names=[UNSHOWN]),
        asked(tmp_path, "describe_node", fails=True, names=[UNSHOWN.lower()]),
    ):
        assert "vil" in said
        assert all(letter.isprintable() or letter == "\n" for letter in said)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"words": "a", "limt": 3}, "limt is not an argument of search_nodes; did you mean 'limit'?"),
        ({"limit": "many"}, "limit: "),
        ({"limit": 10**30}, "limit: "),
        ({"words": ["a"]}, "words: "),
        ({"words": "a" * 401}, "words: "),
        ({"max_bytes": 10**9}, "max_bytes: "),
    ],
)
def test_arguments_that_do_not_fit_are_named(tmp_path: Path, arguments: dict[str, Any], told: str) -> None:
    assert told in asked(tmp_path, "search_nodes", fails=True, **arguments)


@settings(max_examples=30)
@given(st.text(max_size=500), st.integers(0, 300))
def test_a_cut_text_has_no_more_bytes_than_there_is_room_for(text: str, room: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    shown = cut(text, room + 120)
    assert encoded_size(shown) <= room + 120
    if encoded_size(text) <= room + 120:
        assert shown == text
    else:
        assert text.startswith(shown.partition("\n… (cut here")[0])


@settings(max_examples=20)
@given(st.text(max_size=3_000), st.integers(2_000, 4_000))
def test_an_answer_is_never_larger_than_its_bound(text: str, limit: int) -> None:
    made = ToolAnswer(text, {"ok": True}, limit=limit).result()
    assert len(made.model_dump_json(by_alias=True, exclude_none=True).encode()) <= limit


PROGRAM = """
import resource, sys
from pathlib import Path
from comfyflow.agents import SchemaInUse
from comfyflow.schema import load_schema
import comfyflow.agents.server

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

before = peak()
use = SchemaInUse(lambda: load_schema(sys.argv[1]), changes=False)
found = use.index().find(["pack", "42"])
print(len(found), len(use.index()), use.now()["Pack42"].display_name, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell the size of a process otherwise")
def test_a_catalogue_of_100_mb_is_searched_in_little_more_memory_than_it_has(tmp_path: Path) -> None:
    file = tmp_path / "object_info.json"
    inputs = {"required": {f"input {n}": [[f"choice {m:04}" for m in range(100)], {}] for n in range(14)}}
    with file.open("w", encoding="utf-8") as written:
        written.write("{")
        for number in range(5_000):
            node = json.dumps(entry(input=inputs, display_name=f"Pack {number}", output=["IMAGE"]))
            written.write(f'{"," if number else ""}"Pack{number}": {node}')
        written.write("}")
    size = file.stat().st_size
    assert size > 100_000_000
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)], capture_output=True, text=True, check=True, timeout=300
    )
    found, count, _, _, peak = done.stdout.split()
    assert (int(found), int(count)) == (sum("42" in str(number) for number in range(5_000)), 5_000)
    assert int(peak) < 3 * size, f"{int(peak) / size:.1f} times the file"


def test_a_small_catalogue_is_searched_as_a_large_one_is(tmp_path: Path) -> None:
    file = tmp_path / "object_info.json"
    file.write_text(json.dumps(dict(classes())), encoding="utf-8")

    async def act(agent: Agent) -> str:
        return await agent.told("describe_node", names=["Loader"])

    assert "steps: INT, 1 to …" in with_agent(workbench(tmp_path, load_schema(file)), act)
