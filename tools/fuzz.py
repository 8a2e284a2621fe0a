"""Hostile input: schemas, workflows and media files of an attacker, and what happens to them.

``python -m tools.fuzz schemas --count 5000 --seed 1`` makes node classes of that many schemas and
imports them; ``workflows`` and ``media`` read, convert and write as Python that many files, and run that.
Each input is taken, or refused with one of comfyflow's own errors. Anything else is printed with
the number of the input, and the end is 1: code of the input that ran (canary hits), files, programs or
connections that it reached (escapes), other errors (tracebacks), too much time or memory. ``--first N
--count 1`` reads one input again. ``answers --count 2000`` has both clients and the command talk to a
server that answers every route with what no server should.
"""

from __future__ import annotations

import argparse
import sys

from tests.hostile import KINDS
from tests.hostile_answers import fuzz_in_processes
from tests.hostile_run import timed

SHOWN = 10
ANSWERS = "answers"


def main() -> int:
    words = argparse.ArgumentParser(
        description="Hostile input: nothing runs, nothing escapes, nothing breaks."
    )
    words.add_argument("kind", choices=[*KINDS, ANSWERS])
    words.add_argument("--count", type=int, default=1000, help="how many inputs")
    words.add_argument("--seed", type=int, default=0, help="which inputs")
    words.add_argument("--first", type=int, default=0, help="the number of the first")
    asked = words.parse_args()
    if asked.kind == ANSWERS:
        answered = fuzz_in_processes(asked.count, asked.seed + asked.first)
        print(answered)
        return 1 if answered.bad else 0
    found, seconds = timed(asked.kind, asked.count, asked.seed, first=asked.first)
    for number, outcome, told in found.faults[:SHOWN]:
        print(f"{asked.kind} --seed {asked.seed} --first {number} --count 1: {outcome}: {told}", flush=True)
    if len(found.faults) > SHOWN:
        print(f"… and {len(found.faults) - SHOWN} more")
    print(f"{asked.count} {asked.kind}, seed {asked.seed}: {found}; {seconds:.0f} s")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
