"""Many prompts through a bad network to a server that restarts, and what became of each."""

from __future__ import annotations

import io
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from PIL import Image

from comfyflow.client import Limits
from comfyflow.errors import ClientError, PromptLost, WaitTimeout
from comfyflow.simulator import Simulator
from tests.clients import connected
from tests.fault_gateway import FaultGateway
from tests.fault_proxy import FaultProxy

LIMITS = Limits(
    connect=3,
    answer=2,
    socket=1,
    quiet=0.3,
    quiet_most=1,
    poll_most=0.3,
    patience=30,
    retries=12,
    backoff=0.02,
    backoff_most=1,
)
"""As impatient as faults of half a second allow, so that many prompts do not take hours."""

TIMEOUT = 60.0


def text_prompt(word: str) -> dict[str, Any]:
    """A prompt whose text tells which one it was."""
    join = {"string_a": word, "string_b": "!", "delimiter": ""}
    return {
        "1": {"class_type": "StringConcatenate", "inputs": join, "_meta": {"title": "join"}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}, "_meta": {"title": "show"}},
    }


def picture_prompt(word: str, color: int, uploaded: str | None) -> dict[str, Any]:
    """A prompt whose picture tells which one it was: it is made on the server, or loaded there."""
    made = {"width": 8, "height": 8, "batch_size": 1, "color": color}
    first = (
        {"class_type": "EmptyImage", "inputs": made, "_meta": {"title": "made"}}
        if uploaded is None
        else {"class_type": "LoadImage", "inputs": {"image": uploaded}, "_meta": {"title": "loaded"}}
    )
    saved = {"images": ["1", 0], "filename_prefix": word}
    return {"1": first, "2": {"class_type": "SaveImage", "inputs": saved, "_meta": {"title": "saved"}}}


def color_of(word: str) -> int:
    return int(word.replace("-", "")[:6], 16)


def picture(color: int) -> bytes:
    """A picture of one color."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), f"#{color:06x}").save(stream, "PNG")
    return stream.getvalue()


@dataclass
class FaultRun:
    """What became of the prompts of one seed.

    Attributes:
        right: How many gave their own result.
        restarted: Prompts that a restart took from the queue or the history, and which are said to
            be lost.
        errors: Typed errors of prompts that the server never had, by class.
        failed: Typed errors of prompts that the server had.
        wrong: Results of another prompt, or none.
        lost: Prompts that are said to be lost though no restart took them.
        doubled: Prompts that one life of the server accepted twice.
        hung: Prompts that did not end in time.
        untyped: Errors that are none of ours.
        plans: What was done to connections.
        faults: What was done to requests, by route.
    """

    seed: int
    kind: str
    right: int = 0
    restarted: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    untyped: list[str] = field(default_factory=list)
    plans: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    seconds: float = 0.0

    @property
    def total(self) -> int:
        found = (self.failed, self.wrong, self.lost, self.hung, self.untyped)
        return self.right + self.restarted + sum(self.errors.values()) + sum(map(len, found))

    @property
    def bad(self) -> dict[str, list[str]]:
        names = ("failed", "wrong", "lost", "doubled", "hung", "untyped")
        return {name: found for name in names if (found := getattr(self, name))}

    def __str__(self) -> str:
        errors = ", ".join(f"{count} {name}" for name, count in sorted(self.errors.items())) or "no errors"
        plans = ", ".join(f"{count} {name}" for name, count in sorted(self.plans.items()))
        bad = sum(count for name, count in self.faults.items() if not name.endswith(": good"))
        verdict = f"BAD {self.bad}" if self.bad else "0 lost, 0 doubled, 0 hung, 0 wrong, 0 failed"
        return (
            f"seed {self.seed} {self.kind}: {self.total} prompts in {self.seconds:.1f} s: "
            f"{self.right} right, {self.restarted} lost by {self.restarts} restarts, {errors} before the "
            f"server had them; {verdict}; {bad} of {sum(self.faults.values())} requests with a fault; "
            f"connections: {plans}"
        )


def run_faults(
    seed: int,
    kind: str,
    prompts: int,
    *,
    badness: float = 1.0,
    wrong: float = 0.15,
    restarts: int = 1,
    workers: int = 8,
) -> FaultRun:
    """Send prompts through a bad network.

    Args:
        seed: Of everything that is drawn; the same one gives the same faults again.
        kind: ``Client`` or ``AsyncClient``.
        prompts: How many.
        badness: How many of the connections have a fault.
        wrong: How many of the requests have a fault.
        restarts: How often the server restarts meanwhile.
        workers: How many prompts are in flight at once.
    """
    chance = random.Random(seed)
    found = FaultRun(seed, kind)
    lives: list[int] = []
    began = time.monotonic()
    profile = chance.choice(("0.27.0", "0.3.64"))
    with (
        Simulator(profile=profile) as server,
        FaultGateway(lambda: server.port, seed, wrong) as gateway,
        FaultProxy(lambda: gateway.port, seed, badness) as proxy,
    ):
        words = [f"{uuid.UUID(int=chance.getrandbits(128))}" for _ in range(prompts)]
        restarts_meanwhile = restarting(server, restarts, chance, lives)
        with (
            connected(kind, proxy.url, limits=LIMITS) as client,
            restarts_meanwhile,
            ThreadPoolExecutor(workers) as pool,
        ):
            outcomes = list(pool.map(lambda word: one(client, word), words))
        for outcome in outcomes:
            note(found, *outcome, server, lives)
        found.doubled = doubled(server, lives)
        found.plans, found.faults, found.restarts = proxy.plans, gateway.faults, len(lives)
    found.seconds = time.monotonic() - began
    return found


def one(client: Any, word: str) -> tuple[str, Any]:
    """Run one prompt; whether its result is its own, or its error."""
    try:
        if word[0] in "0123456789":
            return word, client.run(text_prompt(word), timeout=TIMEOUT).output.text == f"{word}!"
        color, name = color_of(word), None
        if word[0] in "ab":
            name = client.upload_image(picture(color), name=f"{word}.png").reference
        result = client.run(picture_prompt(word, color, name), timeout=TIMEOUT)
        shown = Image.open(io.BytesIO(client.read(result.files[0]))).convert("RGB").getpixel((0, 0))
        return word, shown == (color >> 16, color >> 8 & 255, color & 255)
    except Exception as error:  # noqa: BLE001  # every kind is counted
        return word, error


def note(found: FaultRun, word: str, outcome: Any, server: Simulator, lives: list[int]) -> None:
    """Count what became of one prompt."""
    had = [index for index, received in enumerate(server.prompts) if word in str(received.prompt)]
    if isinstance(outcome, WaitTimeout):
        found.hung.append(f"{word}: {outcome}")
    elif isinstance(outcome, PromptLost):
        if lives and had and had[-1] < lives[-1]:
            found.restarted += 1
        else:
            found.lost.append(f"{word}: {outcome}")
    elif isinstance(outcome, ClientError):
        if had:
            found.failed.append(f"{word}: {outcome!r}")
        else:
            found.errors[type(outcome).__name__] += 1
    elif isinstance(outcome, Exception):
        found.untyped.append(f"{word}: {outcome!r}")
    elif outcome:
        found.right += 1
    else:
        found.wrong.append(word)


def doubled(server: Simulator, lives: list[int]) -> list[str]:
    """The prompts that one life of the server accepted more than once."""
    found: list[str] = []
    starts = [0, *lives, len(server.prompts)]
    for start, end in pairwise(starts):
        counted = Counter(received.prompt_id for received in server.prompts[start:end])
        found += [prompt_id for prompt_id, times in counted.items() if times > 1]
    return found


@contextmanager
def restarting(server: Simulator, times: int, chance: random.Random, lives: list[int]) -> Iterator[None]:
    """Restart a server now and then, until the block ends."""
    stop = threading.Event()
    pauses = [chance.uniform(0.5, 2.0) for _ in range(times)]

    def restart() -> None:
        for pause in pauses:
            if stop.wait(pause):
                return
            server.restart()
            lives.append(len(server.prompts))

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
