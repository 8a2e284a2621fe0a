"""What type checkers make of results and resolvers. Checked by test_client_results, never run."""

# pyright: reportMissingTypeStubs=true, reportPrivateUsage=true, reportUnusedExpression=true

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from comfynodes import EmptyImage, PreviewAny, PreviewImage, SaveAudio, SaveImage, SaveLatent
from PIL.Image import Image
from typing_extensions import assert_never, assert_type

from comfyflow import AsyncClient, Client, Workflow, output_of, workflow
from comfyflow.client import (
    AsyncHandle,
    Device,
    FileUploaded,
    Handle,
    Job,
    LogEntry,
    ModelFile,
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeOutputs,
    NodePreview,
    NodeProgress,
    NodesCached,
    NodeStarted,
    NodeText,
    Outcome,
    Queue,
    Resolver,
    Result,
    RunDone,
    RunEvent,
    RunMessage,
    RunQueued,
    RunStarted,
    RunStatus,
    ServerAway,
    ServerBack,
    Users,
    resolver,
)
from comfyflow.output_file import (
    AudioOutput,
    ImageFile,
    ImageOutput,
    LatentFile,
    LatentOutput,
    NodeOutput,
    TextOutput,
)
from comfyflow.schema import NodeSchema, Schema


@workflow
def txt2img(prompt: str, seed: int = 0) -> SaveImage:
    return SaveImage(images=EmptyImage(width=8, height=8, batch_size=1, color=seed))


@workflow
def two() -> tuple[SaveImage, PreviewAny]:
    image = EmptyImage(width=8, height=8, batch_size=1, color=0)
    return SaveImage(images=image), PreviewAny(source=image)


class Made(NamedTuple):
    picture: ImageOutput
    words: TextOutput


@dataclass
class Kept:
    picture: ImageOutput
    words: TextOutput
    seed: int


class Nodes(NamedTuple):
    picture: SaveImage
    words: PreviewAny


@workflow
def named() -> Made:
    image = EmptyImage(width=8, height=8, batch_size=1, color=0)
    return Made(output_of(SaveImage(images=image)), output_of(PreviewAny(source=image)))


@workflow
def kept(seed: int) -> Kept:
    return Kept(*named.function(), seed=seed)


@workflow
def by_name() -> dict[str, SaveImage]:
    image = EmptyImage(width=8, height=8, batch_size=1, color=0)
    return {"a": SaveImage(images=image), "b": SaveImage(images=image)}


@workflow
def frames(count: int) -> list[SaveImage]:
    return [SaveImage(images=EmptyImage(width=8, height=8, batch_size=1, color=n)) for n in range(count)]


def roots(client: Client, a: SaveImage, b: PreviewAny, c: SaveAudio, d: SaveLatent) -> None:
    assert_type(Workflow(a), Workflow[SaveImage])
    assert_type(Workflow(a, b), Workflow[tuple[SaveImage, PreviewAny]])
    assert_type(client.run(Workflow(a, b)).output, tuple[ImageOutput, TextOutput])
    assert_type(client.run(Workflow((a, b))).output, tuple[ImageOutput, TextOutput])
    x, y, z = client.run(Workflow(a, b, d)).output
    assert_type((x, y, z), tuple[ImageOutput, TextOutput, LatentOutput])
    assert_type(z.latents, tuple[LatentFile, ...])
    four = client.run(Workflow(a, b, c, d)).output
    assert_type(four, tuple[ImageOutput, TextOutput, AudioOutput, LatentOutput])
    five = client.submit(Workflow(a, b, c, d, a)).result().output
    assert_type(five, tuple[ImageOutput, TextOutput, AudioOutput, LatentOutput, ImageOutput])
    six = client.run(Workflow(a, b, c, d, a, b)).output
    assert_type(six, tuple[ImageOutput, TextOutput, AudioOutput, LatentOutput, ImageOutput, TextOutput])
    assert_type(client.run(Workflow(a, a, a, a, a, a, a)).output, tuple[ImageOutput, ...])
    assert_type(client.run(frames(3)).output, tuple[ImageOutput, ...])
    assert_type(client.run(Workflow([a, a])).output[0].images, tuple[ImageFile, ...])
    assert_type(client.run(by_name()).output, dict[str, ImageOutput])
    assert_type(client.run(Workflow({"a": a})).output["a"], ImageOutput)
    assert_type(client.run(named()), Result[Made])
    assert_type(client.run(named()).output.picture.images[0], ImageFile)
    assert_type(client.run(named()).output.words.text, str)
    assert_type(client.run(kept(7)).output, Kept)
    assert_type(client.run(kept(7)).output.seed, int)
    assert_type(client.submit(kept(7)).result().output.picture, ImageOutput)
    assert_type(client.run(Workflow(Nodes(a, b))).output, tuple[ImageOutput, TextOutput])
    assert_type(client.run(kept(7), resolver=lambda result: result.output.picture.animated), bool)


def results(client: Client, sound: SaveAudio, latent: SaveLatent, shown: PreviewImage) -> None:
    result = client.run(txt2img("a", seed=3), timeout=5, front=True)
    assert_type(result, Result[ImageOutput])
    assert_type(result.output, ImageOutput)
    assert_type(result.output.images, tuple[ImageFile, ...])
    assert_type(result.output.images[0].bytes(), bytes)
    assert_type(result.output.images[0].save("a.png"), Path)
    assert_type(result.output.images[0].pil(), Image)
    assert_type(result[sound], AudioOutput)
    assert_type(result[latent], LatentOutput)
    assert_type(result["9"], NodeOutput)
    assert_type(client.run(shown).output, ImageOutput)
    assert_type(client.run(Workflow(shown)).output, ImageOutput)
    assert_type(client.run(two()).output, tuple[ImageOutput, TextOutput])
    first, second = client.run(two()).output
    assert_type(first.images, tuple[ImageFile, ...])
    assert_type(second.text, str)
    assert_type(client.run({"1": {"class_type": "A", "inputs": {}}}), Result[NodeOutput])


class Box:
    width: int


@resolver(SaveImage)
def boxes(output: ImageOutput) -> list[Box]:
    return [Box() for _ in output.images]


def resolvers(client: Client) -> None:
    assert_type(boxes, Resolver[ImageOutput, list[Box]])
    assert_type(client.run(txt2img("a"), resolver=boxes), list[Box])
    assert_type(client.run(txt2img("a"))[boxes], tuple[list[Box], ...])
    assert_type(client.submit(txt2img("a"), resolver=boxes), Handle[list[Box]])
    assert_type(client.submit(txt2img("a"), resolver=boxes).result(), list[Box])
    assert_type(client.run(txt2img("a"), resolver=lambda result: len(result.output.images)), int)

    def names(result: Result[Any]) -> list[str]:
        return [file.name for file in result.files]

    assert_type(client.run({}, resolver=names), list[str])
    assert_type(client.run(two(), resolver=names), list[str])


def handles(client: Client) -> None:
    handle = client.submit(txt2img("a"))
    assert_type(handle, Handle[Result[ImageOutput]])
    assert_type(handle.result(5).output.images[0], ImageFile)
    assert_type(handle.wait(timeout=5), Outcome)
    assert_type(handle.events(), Iterator[RunEvent])
    assert_type(handle.status(), RunStatus)
    assert_type(handle.cancel(), bool)
    assert_type(client.attach("id").result(), Result[NodeOutput])


def routes(client: Client) -> None:
    assert_type(client.queue(), Queue)
    assert_type(client.samplers(), list[str])
    assert_type(client.view("a.png", preview="webp"), bytes)
    assert_type(client.download(client.run(txt2img("a")), "out", parallel=2), list[Path])


@resolver(SaveImage)
async def sizes(output: ImageOutput) -> list[int]:
    return [len(await file.aread()) for file in output.images]


async def first_size(result: Result[ImageOutput]) -> int:
    return len(await result.output.images[0].aread())


async def all_names(result: Result[object]) -> list[str]:
    return [(await file.asave("out")).name for file in result.files]


async def awaited_resolvers(client: AsyncClient) -> None:
    assert_type(await client.run(txt2img("a"), resolver=sizes), list[int])
    assert_type(await client.run(txt2img("a"), resolver=first_size), int)
    assert_type(await client.run(txt2img("a"), resolver=lambda result: len(result.output.images)), int)
    assert_type(await client.run(two(), resolver=all_names), list[str])
    assert_type(await client.run({}, resolver=all_names), list[str])
    handle = await client.submit(txt2img("a"), resolver=sizes)
    assert_type(handle, AsyncHandle[list[int]])
    assert_type(await handle.result(), list[int])
    result = await client.run(txt2img("a"))
    assert_type([await made for made in result[sizes]], list[list[int]])
    assert_type((await client.run(named())).output, Made)
    four = (await client.run(Workflow(*two().root, *two().root))).output
    assert_type(four, tuple[ImageOutput, TextOutput, ImageOutput, TextOutput])


async def awaited(client: AsyncClient) -> None:
    result = await client.run(txt2img("a"))
    assert_type(result, Result[ImageOutput])
    assert_type(await client.read(result.output.images[0]), bytes)
    assert_type(await result.output.images[0].aread(), bytes)
    assert_type(await client.save(result.output.images[0], "a.png"), Path)
    handle = await client.submit(txt2img("a"))
    assert_type(handle, AsyncHandle[Result[ImageOutput]])
    assert_type((await handle.result()).output, ImageOutput)
    assert_type(await client.run(txt2img("a"), resolver=boxes), list[Box])
    assert_type((await client.run(two())).output, tuple[ImageOutput, TextOutput])
    assert_type(await client.queue(), Queue)
    async for event in handle.events(5):
        assert_type(event, RunEvent)


def every_kind(event: RunEvent) -> str:
    """All kinds of a run's events: without one of them, the last line is an error."""
    match event:
        case FileUploaded() | RunQueued() | RunStarted() | NodesCached() | RunMessage():
            return "before the nodes"
        case NodeStarted() | NodeProgress() | NodePreview() | NodeText() | NodeFinished():
            return "a node"
        case NodeOutputs() | NodeBlocked() | NodeFailed():
            return "the end of a node"
        case ServerAway() | ServerBack():
            return "the server"
        case RunDone():
            return "the end"
        case _:
            assert_never(event)


def answers(client: Client, schema: Schema) -> None:
    assert_type(client.system_stats().devices, tuple[Device, ...])
    assert_type(client.system_stats().system.ram_free, int | None)
    assert_type(client.jobs(), list[Job])
    assert_type(client.model_files("loras"), list[ModelFile])
    assert_type(client.users(), Users)
    assert_type(client.log_entries(), list[LogEntry])
    assert_type(schema.get("KSampler"), NodeSchema | None)
    assert_type(schema.get("KSampler", ""), NodeSchema | str)


def mistakes(client: Client, sound: SaveAudio) -> None:
    result = client.run(txt2img("a"))
    _ = result.output.audio  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    _ = result[sound].images  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    client.run(txt2img("a"), fornt=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.run(txt2img)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    client.run(sound, resolver=boxes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    client.view(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
