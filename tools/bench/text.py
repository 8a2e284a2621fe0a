"""How the cost of untrusted text grows: each is read at a length, at twice and at four times it.

Processor seconds of the longest, and what the second and the third cost beside the one before. Two
means that the cost grows as the text does; four, as its square. A string that could not be read
within the limit is reported.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import multiprocessing.connection
import resource
import sys
import time

from tests.growing_texts import TEXTS

LENGTHS = (50_000, 100_000, 200_000)
ROUNDS = 2
LEAST = 0.002
"""What cannot be distinguished from nothing."""
LIMIT = 60
"""Processor seconds for all of one text."""


def main() -> None:
    spawn = multiprocessing.get_context("spawn")
    worst, failed = 0.0, 0
    for name in TEXTS:
        answers, sender = spawn.Pipe(duplex=False)
        process = spawn.Process(target=measure, args=(name, sender))
        process.start()
        sender.close()
        try:
            times: list[float] = answers.recv()
        except EOFError:
            print(f"  {name:38} more than {LIMIT} s", flush=True)
            failed += 1
            continue
        finally:
            process.join()
        ratios = [later / earlier for earlier, later in itertools.pairwise(times)]
        worst = max(worst, *ratios)
        shown = ", ".join(f"x {ratio:.1f}" for ratio in ratios)
        print(f"  {name:38} {times[-1] * 1000:8.1f} ms for {LENGTHS[-1]} characters, {shown}", flush=True)
    print(f"  {len(TEXTS)} texts, the steepest growth x {worst:.1f}; {failed} beyond the limit")
    if failed:
        sys.exit(1)


def measure(name: str, sender: multiprocessing.connection.Connection) -> None:
    """The best processor time of each length."""
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    times: list[float] = []
    for length in LENGTHS:
        read = TEXTS[name](length)
        gc.collect()
        rounds: list[float] = []
        for _ in range(ROUNDS):
            started = time.process_time()
            read()
            rounds.append(time.process_time() - started)
        times.append(max(min(rounds), LEAST))
    sender.send(times)
