"""Regenerate the reference package stubs/comfynodes from a fresh server's /object_info.

It is generated without the servers' prose. The file is the first argument, or what
COMFYFLOW_OBJECT_INFO names, or the shared one of ComfyUI 0.33.0 beside the repository. With
``--check`` nothing is written and the exit code is 1 where a file is stale.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from comfyflow.codegen import Options, generate
from comfyflow.errors import ComfyflowError
from comfyflow.schema import load_schema

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = ROOT.parent / "shared" / "data" / "object_info" / "0.33.0-no-models.json.gz"
OUT = ROOT / "stubs" / "comfynodes"
VERSION = "0.33.0"


def main(arguments: list[str]) -> int:
    """Write the package, or with ``--check`` list what is stale."""
    check = "--check" in arguments
    paths = [argument for argument in arguments if argument != "--check"]
    source = Path(paths[0] if paths else os.environ.get("COMFYFLOW_OBJECT_INFO", DEFAULT))
    try:
        package = generate(load_schema(source, VERSION), Options(docs=False))
        stale = package.stale(OUT)
        if not check:
            package.write(OUT)
    except ComfyflowError as error:
        print(error, file=sys.stderr)
        return 2
    for path in stale:
        print(f"{'stale' if check else 'wrote'}: {OUT.relative_to(ROOT) / path}")
    for skipped in package.skipped:
        print(f"skipped: {skipped}")
    print(f"{len(package.generated)} nodes, {len(package.files)} files, {len(stale)} of them changed")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
