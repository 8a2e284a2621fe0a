"""``python -m tools.mutation MODULE… --sample N --seed S``: do the tests notice small faults?

N faults are drawn for each module (a file, or a folder of the package), each is put into a copy of
the repository, and the tests that run its lines are run. Those that no test notices are printed with
the lines that differ; those in ``explained.json`` are not faults. The exit code is 1 where fewer than
``--least`` per cent are noticed or explained. Python 3.11 or newer; ``pip install '.[dev,mutation]'``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .explained import is_explained, reasons
from .mutant import Mutant, sample
from .trial import Copy, Coverage

ROOT = Path(__file__).parents[2]

_GRAPH = ("graph*", "read_workflow", "workflow", "node", "limits")
TESTS = {
    "comfyflow/graph": _GRAPH,
    "comfyflow/workflows": (
        *(*_GRAPH, "workflow_*", "client_roots", "exporter*"),
        *("function_source", "node_inputs", "parameters*", "refill"),
    ),
    "comfyflow/validate": ("validate_*",),
    "comfyflow/client": (
        *("client_run*", "client_hub", "client_listening", "client_submi*", "client_told", "client_waiting"),
        *("client_partial", "client_refusal", "client_retries"),
    ),
    "comfyflow/importer": ("importer_*", "limits"),
}
"""Which tests are to notice the faults of a module."""


def tests_of(path: str) -> list[str]:
    """The files of tests for a module; those named as it is, where nothing else is said."""
    prefix = max((known for known in TESTS if path.startswith(known)), key=len, default="")
    names = TESTS.get(prefix) or (f"{path.split('/')[1].removesuffix('.py')}*",)
    return sorted(
        {str(file.relative_to(ROOT)) for name in names for file in ROOT.glob(f"tests/test_{name}.py")}
    )


def modules_of(names: Sequence[str]) -> list[str]:
    """The files that were named, those of folders too."""
    found: list[str] = []
    for name in names:
        path = ROOT / name
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        found += [str(file.relative_to(ROOT)) for file in files]
    return found


def tell(mutant: Mutant, outcome: str) -> None:
    print(
        f"{outcome}: {mutant.path}:{mutant.first}",
        *(f"    {line}" for line in mutant.change),
        sep="\n",
        flush=True,
    )


class Trials:
    """The trials of one run, shared by as many copies as there are jobs.

    Args:
        words: What was asked on the command line.
        copies: Where the faults are put.
    """

    def __init__(self, words: argparse.Namespace, copies: Sequence[Copy]) -> None:
        self._words = words
        self._copies = copies
        self._known = reasons()
        self._lock = threading.Lock()
        self._waiting: list[tuple[Mutant, Coverage]] = []
        self.outcomes: dict[str, Counter[str]] = {}

    def run(self) -> None:
        """Draw the faults, learn which tests run their lines, and try each."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for path in modules_of(self._words.modules):
            groups.setdefault(tuple(self._words.tests or tests_of(path)), []).append(path)
        for tests, paths in groups.items():
            mutants = [
                mutant
                for path in paths
                for mutant in sample(ROOT, path, self._words.sample, self._words.seed)
            ]
            coverage = self._copies[0].coverage(paths, tests)
            every = set[str]().union(*(coverage[path].always for path in paths))
            self._copies[0].check(paths[0], Coverage({}, every, coverage[paths[0]].seconds))
            self._waiting += [(mutant, coverage[mutant.path]) for mutant in mutants]
        jobs = [threading.Thread(target=self._work, args=(copy,)) for copy in self._copies]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()

    def _work(self, copy: Copy) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                mutant, coverage = self._waiting.pop(0)
            outcome = "survived" if copy.survives(mutant, coverage) else "killed"
            if outcome == "survived" and is_explained(mutant, self._known):
                outcome = "explained"
            with self._lock:
                self.outcomes.setdefault(mutant.path, Counter())[outcome] += 1
                if outcome == "survived" or self._words.verbose:
                    tell(mutant, outcome)


def main() -> int:
    words = argparse.ArgumentParser(
        prog="python -m tools.mutation", description="Do tests notice small faults?"
    )
    words.add_argument("modules", nargs="+", help="files or folders of the package")
    words.add_argument("--sample", type=int, default=20, help="how many faults for each module")
    words.add_argument("--seed", type=int, default=0, help="which")
    words.add_argument("--jobs", type=int, default=1, help="how many copies are tried at once")
    words.add_argument("--tests", nargs="+", help="the tests, in place of those listed for the module")
    words.add_argument("--least", type=float, default=85.0, help="per cent that must be noticed or explained")
    words.add_argument("--verbose", action="store_true", help="print the noticed ones too")
    asked = words.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copies = [Copy(ROOT, Path(folder) / str(number)) for number in range(asked.jobs)]
        trials = Trials(asked, copies)
        try:
            trials.run()
        finally:
            for copy in copies:
                copy.close()
    for path, counts in sorted(trials.outcomes.items()):
        print(f"{path}: {', '.join(f'{count} {name}' for name, count in sorted(counts.items()))}")
    total = sum(trials.outcomes.values(), Counter[str]())
    share = 100.0 * (total["killed"] + total["explained"]) / max(total.total(), 1)
    print(
        f"{total['killed']} killed, {total['explained']} explained, {total['survived']} survived: "
        f"{share:.1f} %; {time.monotonic() - began:.0f} s"
    )
    return 1 if share < asked.least else 0


if __name__ == "__main__":
    sys.exit(main())
