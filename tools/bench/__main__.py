"""Run the benchmarks that are named, or all of them, each in a separate process: what a process
has held at most, its children begin with.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import tools.bench


def main(words: list[str]) -> int:
    names = sorted(
        module.name
        for module in pkgutil.iter_modules(tools.bench.__path__)
        if not module.name.startswith("_")
    )
    unknown = [word for word in words if word not in names]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    if len(words) == 1:
        print(f"== {words[0]}", flush=True)
        importlib.import_module(f"tools.bench.{words[0]}").main()
        return 0
    runs = [
        subprocess.run([sys.executable, "-m", "tools.bench", name], check=False) for name in words or names
    ]
    return max(run.returncode for run in runs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
