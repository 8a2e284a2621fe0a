"""Many prompts through a bad network to a server that restarts, and what became of each."""

from __future__ import annotations

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

from comfyflow.client import Limits
from comfyflow.errors import ClientError, PromptLost, WaitTimeout
from comfyflow.simulator import Simulator
from tests.clients import connected
from tests.fault_proxy import FaultProxy

LIMITS = Limits(
    connect=3, answer=5, socket=1, quiet=0.3, quiet_most=1, poll_most=0.3, patience=20, backoff=0.02
)
"""As impatient as faults of half a second allow, so that many prompts do not take hours."""

TIMEOUT = 60.0


def prompt_of(word: str) -> dict[str, Any]:
    """A prompt whose output tells which one it was."""
    join = {"string_a": word, "string_b": "!", "delimiter": ""}
    return {
        "1": {"class_type": "StringConcatenate", "inputs": join, "_meta": {"title": "join"}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}, "_meta": {"title": "show"}},
    }


@dataclass
class FaultRun:
    """What became of the prompts of one seed.

    Attributes:
        right: How many gave their own result.
        errors: Typed errors, by class.
        wrong: Results of another prompt, or none.
        lost: Prompts that were accepted and are gone without a restart.
        doubled: Prompts that one life of the server accepted twice.
        hung: Prompts that did not end in time.
        untyped: Errors that are none of ours.
        plans: What the proxy did.
    """

    seed: int
    kind: str
    right: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    untyped: list[str] = field(default_factory=list)
    plans: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    seconds: float = 0.0

    @property
    def total(self) -> int:
        return self.right + sum(self.errors.values()) + len(self.wrong) + len(self.untyped)

    @property
    def bad(self) -> dict[str, list[str]]:
        names = ("wrong", "lost", "doubled", "hung", "untyped")
        return {name: found for name in names if (found := getattr(self, name))}

    def __str__(self) -> str:
        errors = ", ".join(f"{count} {name}" for name, count in sorted(self.errors.items())) or "no errors"
        plans = ", ".join(f"{count} {name}" for name, count in sorted(self.plans.items()))
        verdict = f"BAD {self.bad}" if self.bad else "0 lost, 0 doubled, 0 hung, 0 wrong"
        return (
            f"seed {self.seed} {self.kind}: {self.total} prompts in {self.seconds:.1f} s: "
            f"{self.right} right, {errors}; {verdict}; {self.restarts} restarts; connections: {plans}"
        )


def run_faults(
    seed: int, kind: str, prompts: int, *, badness: float = 1.0, restarts: int = 1, workers: int = 6
) -> FaultRun:
    """Send prompts through a bad network.

    Args:
        seed: Of everything that is drawn; the same one gives the same faults again.
        kind: ``Client`` or ``AsyncClient``.
        prompts: How many.
        badness: How many of the connections have a fault.
        restarts: How often the server restarts meanwhile.
        workers: How many prompts are in flight at once.
    """
    chance = random.Random(seed)
    found = FaultRun(seed, kind)
    lives: list[int] = []
    began = time.monotonic()
    profile = chance.choice(("0.27.0", "0.3.64"))
    with Simulator(profile=profile) as server, FaultProxy(lambda: server.port, seed, badness) as proxy:
        words = [f"{uuid.UUID(int=chance.getrandbits(128))}" for _ in range(prompts)]
        restarts_meanwhile = restarting(server, restarts, chance, lives)
        with (
            connected(kind, proxy.url, limits=LIMITS) as client,
            restarts_meanwhile,
            ThreadPoolExecutor(workers) as pool,
        ):
            outcomes = list(pool.map(lambda word: one(client, word), words))
        for outcome in outcomes:
            note(found, *outcome, restarted=bool(lives))
        found.doubled = doubled(server, lives)
        found.plans, found.restarts = proxy.plans, len(lives)
    found.seconds = time.monotonic() - began
    return found


def one(client: Any, word: str) -> tuple[str, Any]:
    """Run one prompt; its result's text, or its error."""
    try:
        return word, client.run(prompt_of(word), timeout=TIMEOUT).output.text
    except Exception as error:  # noqa: BLE001  # every kind is counted
        return word, error


def note(found: FaultRun, word: str, outcome: Any, *, restarted: bool) -> None:
    """Count what became of one prompt."""
    if isinstance(outcome, WaitTimeout):
        found.hung.append(f"{word}: {outcome}")
    if isinstance(outcome, PromptLost) and not restarted:
        found.lost.append(f"{word}: {outcome}")
    if isinstance(outcome, ClientError):
        found.errors[type(outcome).__name__] += 1
    elif isinstance(outcome, Exception):
        found.untyped.append(f"{word}: {outcome!r}")
    elif outcome == f"{word}!":
        found.right += 1
    else:
        found.wrong.append(f"{word}: {outcome!r}")


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
