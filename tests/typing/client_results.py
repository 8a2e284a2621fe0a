"""What type checkers make of results and resolvers. Checked by test_client_typing, never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comfynodes import EmptyImage, PreviewAny, PreviewImage, SaveAudio, SaveImage, SaveLatent
from PIL.Image import Image
from typing_extensions import assert_type

from comfyflow import AsyncClient, Client, Workflow, workflow
from comfyflow.client import AsyncHandle, Handle, Outcome, Queue, Resolver, Result, RunStatus, resolver
from comfyflow.client.run_event import RunEvent
from comfyflow.output_file import (
    AudioOutput,
    ImageFile,
    ImageOutput,
    LatentOutput,
    NodeOutput,
    TextOutput,
)


@workflow
def txt2img(prompt: str, seed: int = 0) -> SaveImage:
    return SaveImage(images=EmptyImage(width=8, height=8, batch_size=1, color=seed))


@workflow
def two() -> tuple[SaveImage, PreviewAny]:
    image = EmptyImage(width=8, height=8, batch_size=1, color=0)
    return SaveImage(images=image), PreviewAny(source=image)


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


async def awaited(client: AsyncClient) -> None:
    result = await client.run(txt2img("a"))
    assert_type(result, Result[ImageOutput])
    assert_type(await client.read(result.output.images[0]), bytes)
    assert_type(await client.save(result.output.images[0], "a.png"), Path)
    handle = await client.submit(txt2img("a"))
    assert_type(handle, AsyncHandle[Result[ImageOutput]])
    assert_type((await handle.result()).output, ImageOutput)
    assert_type(await client.run(txt2img("a"), resolver=boxes), list[Box])
    assert_type((await client.run(two())).output, tuple[ImageOutput, TextOutput])
    assert_type(await client.queue(), Queue)
    async for event in handle.events(5):
        assert_type(event, RunEvent)


def mistakes(client: Client, sound: SaveAudio) -> None:
    result = client.run(txt2img("a"))
    _ = result.output.audio  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    _ = result[sound].images  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    client.run(txt2img("a"), fornt=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.run(txt2img)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    client.run(sound, resolver=boxes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    client.view(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
