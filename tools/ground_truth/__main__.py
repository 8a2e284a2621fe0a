"""Makes ``tests/ground_truth`` again.

    python -m tools.ground_truth workflows           what real editors send (needs .venv of `make test-slow`)
    python -m tools.ground_truth verdicts --comfyui DIR --python PATH    what a real server says about prompts

DIR is a checkout of the ComfyUI release that the reference package was made from, PATH a Python with its
requirements. The server is started on loopback, and runs nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from comfyflow.schema import load_schema
from tests.shipped_truth import FOLDER, REFERENCE, rows, schema

from . import broken, drawn
from .canvas import Json
from .editor import answers
from .server import MODEL, Server, running
from .written import WRITTEN
from .written_nested import NESTED

VERDICTS: Final = 300
_SEEDS: Final = (1, 2)


def model_choices(info: Json) -> dict[str, dict[str, list[str]]]:
    """The inputs whose choices have the one model."""
    found: dict[str, dict[str, list[str]]] = {}
    for class_type, node in info.items():
        for group in ("required", "optional"):
            for name, entry in node["input"].get(group, {}).items():
                options = entry[0] if isinstance(entry[0], list) else (entry[1:] or [{}])[0].get("options")
                if isinstance(options, list) and MODEL in options:
                    found.setdefault(class_type, {})[name] = options
    return found


def make_workflows() -> None:
    """Write the workflows and what the editors send."""
    known = schema()
    made = {each.__name__: each(known) for each in (*WRITTEN, *NESTED)} | drawn.workflows(known)
    sent = answers(known, made)
    write("workflows.jsonl", ({"name": name, "workflow": made[name], "answers": sent[name]} for name in made))


def make_verdicts(comfyui: Path, python: Path) -> None:
    """Write the prompts and what the server says.

    Raises:
        RuntimeError: The server is of another release than the reference package.
    """
    asked: list[Json] = []
    for hash_seed in _SEEDS:
        with running(comfyui, python, hash_seed) as server:
            if not asked:
                asked = candidates(server)
            for row in asked:
                row.setdefault("said", []).append(server.verdict(row["prompt"]))
    sure = [
        {"id": row["id"], "prompt": row["prompt"], "verdict": row["said"][0]}
        for row in asked
        if row["said"][0] is not None and all(each == row["said"][0] for each in row["said"])
    ]
    write("verdicts.jsonl", chosen(sure))


def candidates(server: Server) -> list[Json]:
    """All prompts to ask of, once the choices of the server are written down."""
    release = load_schema(REFERENCE).version
    if server.version() != str(release):
        raise RuntimeError(f"the server is ComfyUI {server.version()}; the reference package is of {release}")
    choices = model_choices(server.object_info())
    text = json.dumps(choices, indent=0, sort_keys=True)
    (FOLDER / "choices.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    known = schema()
    sent = [row["answers"][-1][1] for row in rows("workflows.jsonl")]
    good = [prompt for prompt in sent if prompt and len(json.dumps(prompt)) < 2000]
    good = [prompt for prompt in good if all(node["class_type"] for node in prompt.values())]
    accepted = drawn.accepted_prompts(known)
    kinds: list[tuple[str, Any]] = [("sent", prompt) for prompt in good]
    kinds += [("drawn", prompt) for prompt in accepted]
    kinds += [("refused", prompt) for prompt in drawn.refused_prompts(known)]
    kinds += broken.broken([*good, *accepted])
    return [{"id": f"{kind}_{number}", "prompt": prompt} for number, (kind, prompt) in enumerate(kinds)]


def chosen(sure: list[Json]) -> list[Json]:
    """A choice in which each kind of error, and each way to break a prompt, is there about as often."""
    known = {row["id"]: (marks(row), len(json.dumps(row))) for row in sure}
    seen: Counter[str] = Counter()
    left, taken = list(sure), []
    while left and len(taken) < VERDICTS:
        best = min(
            left, key=lambda row: (min(seen[mark] for mark in known[row["id"]][0]), known[row["id"]][1])
        )
        left.remove(best)
        taken.append(best)
        seen.update(known[best["id"]][0])
    return sorted(taken, key=sure.index)


def marks(row: Json) -> set[str]:
    """What a prompt is an example of."""
    verdict, kind = row["verdict"], row["id"].rpartition("_")[0]
    types = {found[0] for errors in verdict["node_errors"].values() for found in errors}
    return {kind, verdict["error"] or "valid", *types, *(f"{kind}:{each}" for each in types or {"valid"})}


def write(name: str, made: Iterable[Json]) -> None:
    """Write a file, a row a line."""
    lines = [json.dumps(row, separators=(",", ":")) for row in made]
    (FOLDER / name).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"{name}: {len(lines)} rows, {sum(map(len, lines)):,} characters")


def main(arguments: list[str]) -> int:
    """Make what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tools.ground_truth", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("workflows", "verdicts"))
    parser.add_argument("--comfyui", type=Path, help="a checkout of ComfyUI")
    parser.add_argument("--python", type=Path, help="a Python with what it requires")
    given = parser.parse_args(arguments)
    if given.what == "workflows":
        make_workflows()
    elif given.comfyui and given.python:
        make_verdicts(given.comfyui.resolve(), given.python.absolute())
    else:
        parser.error("verdicts need --comfyui and --python")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
