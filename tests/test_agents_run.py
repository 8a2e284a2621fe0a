"""Agents run workflows: jobs that are waited for, looked at and cancelled, and what may be sent at all."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from mcp import Client
from PIL import Image

from comfyflow.agents import SchemaInUse, Workbench
from comfyflow.agents.job import AgentJob
from comfyflow.agents.server import AgentServer
from comfyflow.cli.mcp import published
from comfyflow.errors import ServerUnreachable
from comfyflow.recipes import txt2img
from comfyflow.schema import Schema
from comfyflow.schema.package import reference_schema
from comfyflow.simulator import Simulator
from comfyflow.source import Source
from tests.agent import SECONDS, Agent, author, links, pictures, text, with_agent, workbench
from tests.test_client_async import Gate
from tests.test_client_async import prompt as small_prompt

T = TypeVar("T")
PROGRAM = """
from pathlib import Path
from comfynodes import CLIPTextEncode, EmptyImage, ImageScale, LoadImage, PreviewImage, SaveImage
from comfyflow import workflow

@workflow
def shrink(image: Path, width: int = 32, reference: Path | None = None) -> SaveImage:
    \"\"\"A small picture.

    Args:
        image: Which picture.
    \"\"\"
    loaded = LoadImage(image=image).IMAGE
    scaled = ImageScale(image=loaded, upscale_method="area", width=width, height=32, crop="disabled")
    return SaveImage(images=scaled, filename_prefix="small")

@workflow
def breaks(word: str) -> SaveImage:
    raise LookupError(word)
"""


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    monkeypatch.chdir(folder)  # as the command does
    return folder


def long_prompt() -> dict[str, Any]:
    """A prompt whose steps the simulator of some tests takes a second for, each."""
    return {**txt2img("a lighthouse", steps=60, width=64, height=64).to_prompt()}


def many(count: int, side: int = 64) -> dict[str, Any]:
    """A prompt that gives so many pictures."""
    made: dict[str, Any] = {}
    for number in range(count):
        image = {"width": side, "height": side, "batch_size": 1, "color": number * 997}
        made[f"{number}a"] = {"class_type": "EmptyImage", "inputs": image}
        inputs = {"images": [f"{number}a", 0], "filename_prefix": f"many {number}"}
        made[f"{number}b"] = {"class_type": "SaveImage", "inputs": inputs}
    return made


def acting(
    root: Path, server: Simulator, act: Callable[[Agent, Workbench], Awaitable[T]], **options: Any
) -> T:
    bench = workbench(root, reference_schema(), server.url, **options)
    return with_agent(bench, lambda agent: act(agent, bench))


async def running(bench: Workbench) -> AgentJob:
    """The only job, once the server runs it."""
    while not bench.jobs:  # noqa: ASYNC110  # jobs are only in the way of tests looked for
        await asyncio.sleep(0.01)
    (job,) = bench.jobs.values()
    while job.state != "running":
        assert not job.ended
        await job.change()
    return job


async def ended(job: AgentJob) -> AgentJob:
    while not job.ended:
        await job.change()
    return job


def test_an_agent_writes_a_workflow_and_gets_the_picture(root: Path, server: Simulator) -> None:
    acting(root, server, lambda agent, _: author(agent, root))


def test_a_run_that_takes_long_goes_on_and_is_asked_for(root: Path, server: Simulator) -> None:
    async def act(agent: Agent, bench: Workbench) -> None:
        gate = Gate(server)
        first = await agent.call("run_workflow", workflow=small_prompt(), wait_seconds=0)
        assert not first.is_error
        job = first.structured_content["job_id"]
        assert first.structured_content["state"] in ("sending", "queued", "running")
        await gate.wait_until_reached()
        await running(bench)
        assert job in await agent.told("job_status")
        assert "is running" in await agent.told("job_status", job_id=job)
        gate.opened.set()
        last = await agent.call("job_status", job_id=job, wait_seconds=SECONDS)
        assert last.structured_content["state"] == "success"
        assert len(pictures(last)) == len(links(last)) == 1
        assert "unknown job" in await agent.refused("job_status", job_id="nonsense")
        assert "already ended" in await agent.told("cancel_job", job_id=job)

    acting(root, server, act)


def test_a_job_is_cancelled_while_it_runs(root: Path) -> None:
    async def act(agent: Agent, bench: Workbench) -> None:
        first = await agent.call("run_workflow", workflow=long_prompt(), wait_seconds=0)
        job = await running(bench)
        assert job.id == first.structured_content["job_id"]
        assert "is cancelled" in await agent.told("cancel_job", job_id=job.id)
        last = await agent.call("job_status", job_id=job.id)
        assert last.structured_content["state"] == "cancelled"
        assert not last.is_error

    with Simulator(step_seconds=1.0) as slow:
        acting(root, slow, act)


def test_a_job_is_cancelled_while_it_waits(root: Path, server: Simulator) -> None:
    async def act(agent: Agent, bench: Workbench) -> None:
        first = await agent.call("run_workflow", workflow=small_prompt(), wait_seconds=0)
        job = first.structured_content["job_id"]
        assert "is cancelled" in await agent.told("cancel_job", job_id=job)
        assert server.instance.queue.remaining == 0

    with server.held_queue():
        acting(root, server, act)


def test_a_call_that_is_cancelled_takes_its_prompt_off_the_server(root: Path) -> None:
    async def act(agent: Agent, bench: Workbench) -> None:
        call = asyncio.create_task(agent.call("run_workflow", workflow=long_prompt(), wait_seconds=SECONDS))
        job = await running(bench)
        call.cancel()
        assert (await ended(job)).state == "cancelled"

    with Simulator(step_seconds=1.0) as slow:
        acting(root, slow, act)


class Away:
    """A server that goes away while a job is cancelled; its client and its handle."""

    report = None

    def __init__(self) -> None:
        self.given_up = asyncio.Event()

    async def submit(self, *_: Any, **__: Any) -> Away:
        return self

    async def events(self, _: object) -> AsyncIterator[Any]:
        told: list[Any] = []
        for event in told:
            yield event
        await self.given_up.wait()
        raise ServerUnreachable("nobody answers")

    async def cancel(self, _: float) -> None:
        raise ServerUnreachable("nobody answers")


def test_a_job_is_not_called_cancelled_where_the_server_was_not_told(root: Path) -> None:
    async def act() -> None:
        away: Any = Away()
        job = AgentJob("away", Source({}), "", root)
        job.start(away)
        with pytest.raises(ServerUnreachable):
            await job.cancel()
        away.given_up.set()
        assert (await ended(job)).state == "failed"
        assert job.troubles == ["nobody answers"]

    asyncio.run(asyncio.wait_for(act(), SECONDS))


def test_many_files_fit_into_one_answer(root: Path, server: Simulator) -> None:
    async def act(agent: Agent, _: Workbench) -> None:
        made = await agent.call("run_workflow", workflow=many(30), wait_seconds=SECONDS)
        assert len(pictures(made)) == 4
        assert "and 10 more in output" in text(made)
        assert len(list((root / "output").iterdir())) == 30
        none = await agent.call("run_workflow", workflow=many(2), wait_seconds=SECONDS, thumbnail=0)
        assert pictures(none) == []
        large = await agent.call(
            "run_workflow", workflow=many(1, 512), wait_seconds=SECONDS, thumbnail=1_000, max_bytes=900_000
        )
        assert pictures(large)[0].size == (512, 512)

    acting(root, server, act)


def test_a_node_that_fails_is_told(root: Path, server: Simulator) -> None:
    server.fail_next("the lamp is broken")

    async def act(agent: Agent, _: Workbench) -> None:
        said = await agent.refused("run_workflow", workflow=small_prompt(), wait_seconds=SECONDS)
        assert said.startswith("failed: job ")
        assert "the lamp is broken" in said

    acting(root, server, act)


def test_a_server_that_is_not_there_is_told(root: Path) -> None:
    async def act(agent: Agent) -> str:
        return await agent.refused("run_workflow", workflow=small_prompt(), wait_seconds=SECONDS)

    assert "http://127.0.0.1:1" in with_agent(workbench(root, reference_schema()), act)


def test_nodes_that_cost_money_run_only_where_the_user_allows_it(root: Path, server: Simulator) -> None:
    raw = {**reference_schema().raw}
    raw["EmptyImage"] = {**raw["EmptyImage"], "api_node": True}
    schema = Schema(raw, "0.33.0")

    async def act(agent: Agent) -> str:
        return await agent.refused("run_workflow", workflow=small_prompt())

    async def allowed(agent: Agent) -> str:
        return await agent.told("run_workflow", workflow=small_prompt(), wait_seconds=SECONDS)

    assert "EmptyImage call paid services" in with_agent(workbench(root, schema, server.url), act)
    with_agent(workbench(root, schema, server.url, allow_paid=True), allowed)


@pytest.mark.slow
def test_jobs_are_bounded(root: Path, server: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("comfyflow.agents.workbench.AGENT_JOBS", 2)
    monkeypatch.setattr("comfyflow.agents.workbench.AGENT_ENDED_JOBS", 3)

    async def act(agent: Agent, bench: Workbench) -> None:
        with server.held_queue():
            for _ in range(2):
                await agent.told("run_workflow", workflow=small_prompt(), wait_seconds=0)
            assert "2 jobs are already on the server" in await agent.refused(
                "run_workflow", workflow=small_prompt()
            )
            for job in [*bench.jobs]:
                await agent.told("cancel_job", job_id=job)
        for _ in range(4):
            await agent.told("run_workflow", workflow=small_prompt(), wait_seconds=SECONDS)
        assert len(bench.jobs) == 3

    acting(root, server, act)


@pytest.fixture
def program(root: Path) -> Path:
    file = root / f"flow_{uuid.uuid4().hex}.py"
    file.write_text(PROGRAM)
    Image.new("RGB", (64, 64), "teal").save(root / "photo.png")
    Image.new("RGB", (64, 64), "red").save(root.parent / "secret.png")
    Image.new("RGB", (64, 64), "red").save(root / ".secret.png")
    return file


def test_a_workflow_that_the_user_named_is_a_typed_tool(root: Path, server: Simulator, program: Path) -> None:
    tools = published(
        [f"{program}:shrink", f"{program}:breaks"], SchemaInUse(reference_schema, changes=False)
    )

    async def act(agent: Agent, _: Workbench) -> None:
        listed = {tool.name: tool for tool in (await agent.client.list_tools()).tools}
        assert listed["shrink"].input_schema["properties"]["width"]["maximum"] == 16384
        assert listed["shrink"].input_schema["properties"]["image"]["description"] == "Which picture."
        assert (listed["shrink"].description or "").startswith("A small picture.")
        made = await agent.call("shrink", image="photo.png", width=48)
        assert pictures(made)[0].size == (48, 32)
        said = await agent.refused("shrink", imag="photo.png", width=-1)
        assert "did you mean 'image'?" in said
        assert "at least 0, at most 16384, not -1" in said
        assert "image is missing" in said
        for path in ("../secret.png", str(root.parent / "secret.png"), ".secret.png", "/etc/passwd"):
            assert "image: " in await agent.refused("shrink", image=path)
            assert "reference: " in await agent.refused("shrink", image="photo.png", reference=path)
        assert "LookupError: a word" in await agent.refused("breaks", word="a word")
        report = await agent.told("validate_workflow", workflow="shrink", parameters={"image": "photo.png"})
        assert report.startswith(("valid", "invalid"))
        assert "parameters are for" in await agent.refused(
            "validate_workflow", workflow={}, parameters={"image": "photo.png"}
        )
        assert "did you mean 'shrink'?" in await agent.refused(
            "validate_workflow", workflow="shrnk", parameters={"image": "photo.png"}
        )

    acting(root, server, act, published=tools)
    assert {*server.folders.inputs()} == {"example.png", "photo.png"}


def test_json_uploads_pictures_below_the_root_and_no_others(
    root: Path, server: Simulator, program: Path
) -> None:
    def showing(path: str) -> dict[str, Any]:
        return {
            "1": {"class_type": "LoadImage", "inputs": {"image": path}},
            "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
        }

    async def act(agent: Agent, _: Workbench) -> None:
        said = await agent.call("validate_workflow", workflow=showing("photo.png"))
        assert said.structured_content["rests_on_files"]
        assert "uploaded" in text(said)
        await agent.told("run_workflow", workflow=showing("photo.png"), wait_seconds=SECONDS)
        for path in ("../secret.png", str(root.parent / "secret.png"), ".secret.png", program.name):
            await agent.refused("run_workflow", workflow=showing(path), wait_seconds=SECONDS)

    bench = workbench(root, server.live_schema(), server.url)
    with_agent(bench, lambda agent: act(agent, bench))
    assert {*server.folders.inputs()} == {"example.png", "photo.png"}


def test_workflows_that_are_no_python_are_tools_with_the_parameters_that_are_proposed(
    root: Path, server: Simulator
) -> None:
    made = txt2img("a cat", width=64, height=64, steps=2).to_prompt()
    for name in ("run_workflow.json", "my cat.json"):
        (root / name).write_text(json.dumps(made))
    known = SchemaInUse(reference_schema, changes=False)
    tools = published(["run_workflow.json", "my cat.json", "my cat.json"], known)
    assert list(tools) == ["run_workflow_workflow", "my_cat", "my_cat_2"]

    async def act(agent: Agent, _: Workbench) -> None:
        listed = {tool.name: tool for tool in (await agent.client.list_tools()).tools}
        assert {"prompt", "seed", "width"} <= listed["my_cat"].input_schema["properties"].keys()
        result = await agent.call("my_cat", prompt="a dog", width=128)
        assert pictures(result)[0].size == (128, 64)
        other = await agent.call("my_cat")
        assert other.structured_content["hash"] != result.structured_content["hash"]

    acting(root, server, act, published=tools)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_clients_of_each_age_are_served(root: Path, server: Simulator, mode: str) -> None:
    bench = workbench(root, reference_schema(), server.url)

    async def session() -> None:
        async with bench, Client(AgentServer(bench).server, mode=mode) as client:
            agent = Agent(client)
            result = await agent.call("run_workflow", workflow=small_prompt(), wait_seconds=SECONDS)
            assert len(pictures(result)) == 1
            assert agent.progress

    asyncio.run(asyncio.wait_for(session(), SECONDS))
