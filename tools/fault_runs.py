"""Many prompts by both clients through a bad network, to a simulator that restarts.

``python -m tools.fault_runs`` sends 500 prompts with each client and says what happened to them;
``--total 5000`` sends 10,000 in all. It ends with 1 if any was lost, doubled, hung, failed though
the server had it, or gave what is not its own. A server that restarts loses its queue: what is
then said to be lost is counted apart. Every line names its seed: ``--seed N`` gives the same
faults again.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter

from tests.clients import KINDS
from tests.fault_run import run_faults


def main() -> int:
    words = argparse.ArgumentParser(description="Faults: nothing lost, doubled, hung or mixed up.")
    words.add_argument("--seed", type=int, default=None, help="only this seed")
    words.add_argument("--first", type=int, default=0, help="the first seed")
    words.add_argument("--prompts", type=int, default=50, help="how many a seed")
    words.add_argument("--total", type=int, default=500, help="how many in all, for each client")
    words.add_argument("--restarts", type=int, default=2, help="how often the server restarts, a seed")
    asked = words.parse_args()
    logging.disable(logging.CRITICAL)  # of the simulator, whose connections break all the time
    seeds = (
        [asked.seed]
        if asked.seed is not None
        else range(asked.first, asked.first + asked.total // asked.prompts)
    )
    bad = False
    faults: Counter[str] = Counter()
    for kind in KINDS:
        right = total = restarted = 0
        errors: dict[str, int] = {}
        for seed in seeds:
            found = run_faults(seed, kind, asked.prompts, restarts=asked.restarts)
            print(found, flush=True)
            bad = bad or bool(found.bad) or found.total != asked.prompts
            right, total = right + found.right, total + found.total
            restarted += found.restarted
            faults += found.faults
            for name, count in found.errors.items():
                errors[name] = errors.get(name, 0) + count
        print(
            f"{kind}: {total} prompts, {right} right, {restarted} lost by restarts, "
            f"errors before the server had them: {errors or 'none'}",
            flush=True,
        )
    for name, count in sorted(faults.items()):
        print(f"{count:7} {name}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
