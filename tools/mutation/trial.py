"""Running the tests of a mutant, in a copy of the repository and a separate process.

``python -m tools.mutation.trial`` is that process: it reads one trial a line, forks, and so pays
for the import of pytest and the libraries once.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .mutant import Mutant

_OPTIONS = (
    "-q",
    "-x",
    "--no-header",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-W",
    "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
)
_LIBRARIES = ("aiohttp.web", "hypothesis.strategies", "jinja2", "networkx", "numpy", "PIL.Image", "pytest",
              "websockets.sync.client")  # fmt: skip
"""What the tests import, of what is not ours."""
_PASSED, _FAILED = 0, 1
_LOG = ".mutation.log"
_LEAST_SECONDS = 20.0
_SLOWER = 6.0
"""How many times longer than without a fault the tests may take: the machine may be busy."""


@dataclass
class Coverage:
    """Which tests run which lines of a module, and how long they take.

    Attributes:
        by_line: The tests of each line that only tests run.
        always: All of them, for what runs at import: what it makes (a dataclass's methods, say) runs no
            line of the module.
        seconds: How long each test takes.
    """

    by_line: Mapping[int, set[str]]
    always: set[str]
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests that run a mutant's lines, the quickest first."""
        found: set[str] = set()
        for line in range(mutant.first, mutant.last + 1):
            found |= self.by_line.get(line, set())
        return sorted(found or self.always, key=lambda test: (self.seconds.get(test, 0.0), test))


class Copy:
    """A copy of the repository in which faults are put, and the process that runs tests there.

    Args:
        root: The repository.
        folder: Where the copy is made.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self.folder = folder
        words = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        listed = subprocess.run(words, cwd=root, check=True, capture_output=True).stdout.decode()
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, folder / name)
        self._process: subprocess.Popen[str] | None = None

    @property
    def _environment(self) -> dict[str, str]:
        recordings = self._root.parent / "shared" / "recordings"
        path = os.pathsep.join((str(self.folder), str(self.folder / "stubs")))
        return {
            "COMFYFLOW_RECORDINGS": str(recordings),
            "HYPOTHESIS_PROFILE": "few",
            **os.environ,
            "PYTHONPATH": path,
        }

    def coverage(self, paths: Sequence[str], tests: Sequence[str]) -> dict[str, Coverage]:
        """Run the tests that are to find the faults of some modules, and note which lines each runs.

        Raises:
            RuntimeError: A test fails without any fault.
        """
        import coverage

        data, report = self.folder / ".coverage.mutation", self.folder / ".durations.json"
        words = [sys.executable, "-m", "pytest", *_OPTIONS, "-p", "tools.mutation.durations", *tests]
        settings = self.folder / ".coveragerc.mutation"
        settings.write_text(f"[run]\ndata_file = {data}\ninclude = {','.join(paths)}\n")
        words += ["--cov", f"--cov-config={settings}", "--cov-context=test", "--cov-report="]
        done = subprocess.run(
            words, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != _PASSED:
            raise RuntimeError(f"without any fault, tests fail:\n{done.stdout[-3000:]}{done.stderr[-500:]}")
        read = coverage.CoverageData(str(data))
        read.read()
        seconds = json.loads(report.read_text())
        return {path: _coverage(read.contexts_by_lineno(str(self.folder / path)), seconds) for path in paths}

    def check(self, path: str, coverage: Coverage) -> None:
        """Try a module without any fault, so that a trial that always fails is not taken for a good test.

        Raises:
            RuntimeError: It does not pass.
        """
        if not self.survives(
            Mutant(path, 0, 0, (self._root / path).read_text(encoding="utf-8"), ()), coverage
        ):
            log = (self.folder / _LOG).read_text()
            raise RuntimeError(f"the trial of {path} without any fault fails:\n{log[-3000:]}")

    def survives(self, mutant: Mutant, coverage: Coverage) -> bool:
        """Whether all tests that run a mutant's lines pass."""
        tests = coverage.tests(mutant)
        if not tests:
            return True
        seconds = sum(coverage.seconds.get(test, 0.0) for test in tests)
        trial = {
            "path": mutant.path,
            "source": mutant.source,
            "tests": tests,
            "seconds": max(_LEAST_SECONDS, _SLOWER * seconds),
        }
        if self._process is None:
            words = (sys.executable, "-m", "tools.mutation.trial")
            self._process = subprocess.Popen(
                words, cwd=self.folder, env=self._environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(trial) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process that runs the tests has ended")
        return bool(json.loads(answer)["survived"])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(30)


def _coverage(contexts: Mapping[int, list[str]], seconds: Mapping[str, float]) -> Coverage:
    by_line: dict[int, set[str]] = {}
    for line, found in contexts.items():
        if "" not in found:  # else it runs at import too, of a module of tests perhaps: any test may tell
            by_line[line] = {context.rpartition("|")[0] for context in found}
    return Coverage(by_line, set(seconds), seconds)


def _run(trial: Mapping[str, Any]) -> bool:
    """Whether the tests pass with the fault in its file."""
    file = Path(trial["path"])
    kept = file.read_bytes()
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()
    file.write_text(trial["source"], encoding="utf-8")
    try:
        return _passed(trial["tests"], trial["seconds"])
    finally:
        file.write_bytes(kept)


def _passed(tests: Sequence[str], seconds: float) -> bool:
    child = os.fork()
    if child == 0:
        _run_tests(tests)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == _PASSED
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run_tests(tests: Sequence[str]) -> None:
    os.setsid()
    log = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = _FAILED
    try:
        import pytest

        code = int(pytest.main([*_OPTIONS, *tests]))
    except BaseException:  # noqa: BLE001  # the process ends here in any case, and says why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> int:
    sys.dont_write_bytecode = True  # a fault may not outlive its trial
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for library in _LIBRARIES:
        importlib.import_module(library)
    for line in sys.stdin:
        print(json.dumps({"survived": _run(json.loads(line))}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
