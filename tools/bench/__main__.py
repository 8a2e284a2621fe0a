"""Run the benchmarks that are named, or all of them."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import tools.bench

names = sorted(
    module.name for module in pkgutil.iter_modules(tools.bench.__path__) if not module.name.startswith("_")
)
chosen = [word for word in sys.argv[1:] if not word.startswith("-")] or names
unknown = [name for name in chosen if name not in names]
if unknown:
    sys.exit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names)}")
for name in chosen:
    print(f"== {name}", flush=True)
    importlib.import_module(f"tools.bench.{name}").main()
