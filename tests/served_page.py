"""The page of ``comfyflow serve``, opened in a real browser: workflows that it serves, and fixtures.

A module that uses the fixtures imports them and has them in its ``__all__``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    PreviewAny,
    SaveImage,
    VAEDecode,
)
from pydantic import Field

from comfyflow.simulator import Simulator
from comfyflow.workflows import workflow

from .real_editor import OpenedPage, a_browser
from .serving import Served, greeting, inverted, plain, serving


@dataclass
class Box:
    width: int
    height: int = 4


@workflow
def noise(prompt: str, seed: int = 0, steps: int = 3) -> SaveImage:
    """A picture that takes a while.

    Args:
        prompt: What to show.
    """
    model, clip, vae = CheckpointLoaderSimple(ckpt_name="sd_xl_base_1.0.safetensors")
    text = CLIPTextEncode(text=prompt, clip=clip)
    latent = KSampler(
        model=model, seed=seed, steps=steps, cfg=7.0, sampler_name="euler", scheduler="normal",
        positive=text, negative=text, latent_image=EmptyLatentImage(width=64, height=64),
    )  # fmt: skip
    return SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix="noise")


@workflow
def everything(
    name: str,
    note: Optional[str] = None,  # noqa: UP045  # as users write it
    count: Annotated[int, Field(ge=1, le=50), "How many."] = 3,
    share: Annotated[float, Field(ge=0, le=1)] = 0.5,
    bold: bool = False,
    sure: Optional[bool] = None,  # noqa: UP045
    mark: Literal["!", "?"] = "!",
    words: list[str] = [],  # noqa: B006
    size: tuple[int, int] = (8, 4),
    box: Optional[Box] = None,  # noqa: UP045
    either: Union[int, str] = 1,  # noqa: UP007
    table: dict[str, int] = {},  # noqa: B006
) -> PreviewAny:
    """All kinds of parameters."""
    values = [name, note, count, share, bold, sure, mark, words, size, box and box.width, either, table]
    return PreviewAny(source=json.dumps(values))


class Opened(OpenedPage):
    """The page, once the jobs are there."""

    def __init__(self, browser: Any, served: Served, name: str = "", **options: Any) -> None:
        self.base = str(served.http.base_url)
        super().__init__(browser, f"{self.base}#/{name}", **options)
        self.page.set_default_timeout(60_000)
        self.page.wait_for_selector("#key:not([hidden]), #form form")
        self.page.wait_for_selector("#key:not([hidden]), #list .card, #none:not([hidden])")

    def field(self, title: str) -> Any:
        return self.page.get_by_label(title, exact=False).first

    def run(self) -> Any:
        """Send the form, and give the newest card."""
        cards = self.page.locator(".card").count()
        self.page.click("#form button.main")
        self.page.wait_for_function("count => document.querySelectorAll('.card').length > count", arg=cards)
        return self.page.locator(".card").first

    def done(self, state: str = "completed") -> Any:
        """The newest card, once its job has ended."""
        card = self.page.locator(f".card:first-child[data-state={state}]")
        card.wait_for()
        return card

    def of_parameters(self) -> dict[str, str]:
        """The parameters of the newest job, as its card shows them."""
        lines: list[tuple[str, str]] = (
            self.page.locator(".card")
            .first.locator("table tr")
            .evaluate_all("all => all.map(line => [...line.cells].map(cell => cell.textContent))")
        )
        return dict(lines)

    def check(self, *expected: str) -> None:
        """Nothing went wrong but what was expected, and no request has left the page."""
        assert [each for each in self.troubles if not any(word in each for word in expected)] == []
        elsewhere = [url for url in self.requests if not url.startswith((self.base, "data:", "blob:"))]
        assert elsewhere == []
        assert self.page.evaluate("window.wasHacked") is None


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as started:
        yield started


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(previews=True, step_seconds=0.02) as made:
        yield made


@pytest.fixture(scope="module")
def served(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    out = tmp_path_factory.mktemp("out")
    functions = [noise, everything, plain, greeting, inverted]
    with serving(out, simulator, functions=functions, depth=1) as made:
        yield made
