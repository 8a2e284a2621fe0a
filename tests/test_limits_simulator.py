"""What the simulator makes, reads and works out: just as much as its bounds say, and no more."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("aiohttp")

from comfyflow.bounds import (  # noqa: E402  # what needs the extra stands behind the skip
    EXPRESSION_DEPTH,
    EXPRESSION_LENGTH,
    SIMULATED_HEADER,
    SIMULATED_NESTING,
)
from comfyflow.simulator import Simulator  # noqa: E402
from comfyflow.simulator.nodes.audio_nodes import empty_audio  # noqa: E402
from comfyflow.simulator.nodes.logic_nodes import evaluate  # noqa: E402
from comfyflow.simulator.painting import canvas  # noqa: E402
from comfyflow.simulator.prompt_queue import PromptQueue, QueueItem  # noqa: E402
from tests.simulated import HTTP, run  # noqa: E402
from tests.test_simulator_loops import CLASSES, Recorder, counting  # noqa: E402


def item(prompt_id: str, value: Any = 1) -> QueueItem:
    prompt = {"1": {"class_type": "A", "inputs": {"x": value}}}
    return QueueItem(0, prompt_id, prompt, {}, ["1"], {})


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_levels_of_a_constant() -> None:
    assert item("a", nested(SIMULATED_NESTING)).kept().prompt_id == "a"
    with pytest.raises(RecursionError, match="nested more than 500 levels deep"):
        item("a", nested(SIMULATED_NESTING + 1)).kept()


def test_runs_in_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that comes when it is over the bound drives out the oldest, as on real servers."""
    monkeypatch.setattr("comfyflow.simulator.prompt_queue.SIMULATED_HISTORY", 3)
    queue = PromptQueue(lambda: None)
    for name in "abcde":
        queue.put(item(name))
        found = queue.get()
        assert found is not None
        queue.done(found[0], {"outputs": {}})
        if name == "d":
            assert list(queue.history()) == ["a", "b", "c", "d"]
    assert list(queue.history()) == ["b", "c", "d", "e"]


def test_iterations_of_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comfyflow.simulator.nodes.loop_nodes.SIMULATED_ITERATIONS", 3)
    with Simulator(CLASSES, "0.37.0") as server:
        Recorder(server)
        assert run(server, counting(count=3))["status"]["status_str"] == "success"
        status = run(server, counting(count=4))["status"]
    assert status["status_str"] == "error"
    assert "4 iterations; the simulator runs at most 3" in json.dumps(status["messages"])


def test_the_header_of_a_model(tmp_path: Path) -> None:
    def told(size: int) -> int:
        head = json.dumps({"__metadata__": {"title": "c"}}).encode().ljust(size)
        path.write_bytes(struct.pack("<Q", len(head)) + head)
        url = f"{server.url}/view_metadata/checkpoints"
        return HTTP.get(url, params={"filename": path.name}).status_code

    with Simulator(models="listed") as server:
        path = server.folders.root / "models" / "checkpoints" / "a.safetensors"
        path.parent.mkdir(parents=True)
        assert (told(SIMULATED_HEADER), told(SIMULATED_HEADER + 1)) == (200, 404)


def test_seconds_of_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comfyflow.simulator.nodes.audio_nodes.SIMULATED_SECONDS", 2.0)
    lengths = [empty_audio(seconds, 100, 1).samples.shape[-1] for seconds in (1.99, 2.0, 2.01)]
    assert lengths == [199, 200, 200]


def test_the_side_of_a_painting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A larger picture is painted small and enlarged."""
    from comfyflow.simulator.values import Painting

    painted: list[tuple[int, int]] = []

    def blank(_rng: object, _mood: object, width: int, height: int) -> Any:
        painted.append((width, height))
        return np.zeros((height, width, 3))

    monkeypatch.setattr(canvas, "SIMULATED_SIDE", 64)
    monkeypatch.setattr(canvas, "landscape", blank)
    monkeypatch.setattr(canvas, "flow", blank)
    for width in (63, 64, 65):
        assert canvas.paint(Painting("a lighthouse", "", 1), width, 32).shape == (32, width, 3)
    assert painted == [(63, 32), (64, 32), (64, 32)]


def test_characters_of_an_expression() -> None:
    assert evaluate("1".ljust(EXPRESSION_LENGTH), {}) == 1
    with pytest.raises(ValueError, match="more than 4000 characters"):
        evaluate("1".ljust(EXPRESSION_LENGTH + 1), {})


def test_levels_of_an_expression() -> None:
    """The formula and its number are levels, too."""
    assert evaluate("-" * (EXPRESSION_DEPTH - 2) + "1", {}) == 1
    with pytest.raises(ValueError, match="nested more than 100 levels deep"):
        evaluate("-" * (EXPRESSION_DEPTH - 1) + "1", {})


@pytest.mark.parametrize(
    ("expression", "beyond", "why"),
    [
        ("1 ** 4000", "1 ** 4001", "Exponent 4001 exceeds"),
        ("round(0.5, 4000)", "round(0.5, 4001)", "4001 digits exceed"),
        ("(2 ** 41) ** 2439", "(2 ** 25) ** 4000", "too large"),
    ],
)
def test_numbers_of_an_expression(expression: str, beyond: str, why: str) -> None:
    assert evaluate(expression, {}) > 0
    with pytest.raises(ValueError, match=why):
        evaluate(beyond, {})
