"""The workflow that a new project begins with: one that its server can run, and the golden of its test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import CommandError, ProjectError
from ..generated import STUBS
from .name import ProjectName
from .template import rendered

if TYPE_CHECKING:
    from ..codegen import Package
    from ..schema import Schema

CHECKPOINT: Final = "sd_xl_base_1.0.safetensors"
"""The model of the first workflow, where the server does not list others."""
_TRIED_CHECKPOINTS: Final = 3
_SECONDS: Final = 120.0

_CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "txt2img": (
        "CheckpointLoaderSimple",
        "CLIPTextEncode",
        "EmptyLatentImage",
        "KSampler",
        "SaveImage",
        "VAEDecode",
    ),
    "picture": ("EmptyImage", "ImageInvert", "SaveImage"),
}
"""The node classes of each workflow that a project may begin with; the first that runs is taken."""
_OPTIONS: Final = {"txt2img": '--prompt "a lighthouse at dusk" --seed 7', "picture": "--color 3381759"}
"""The parameters that its tests and the README give it."""
_WORDS: Final = {
    "txt2img": ("--prompt", "a lighthouse at dusk", "--seed", "7"),
    "picture": ("--color", "3381759"),
}


@dataclass(frozen=True)
class SampleWorkflow:
    """A workflow, its test and what the test compares it with.

    Attributes:
        kind: Which of the workflows it is, and the name of its function.
        source: Its module.
        test: Its tests' module.
        golden: The prompt that was compiled from it, as the golden file has it.
        golden_name: The name of that file.
        options: Parameters to run it with, as one types them.
    """

    kind: str
    source: str
    test: str
    golden: str
    golden_name: str
    options: str


def sample_workflow(
    names: ProjectName, schema: Schema, package: Package | None, present: Path | None
) -> SampleWorkflow:
    """The first workflow that compiles with the project's node classes and is valid for their server.

    Args:
        names: The project's names.
        schema: What the server says of its classes.
        package: The node classes to compile with; None for those that Python finds.
        present: A folder that holds node classes already, where there is one.

    Raises:
        ProjectError: There is none; says why.
    """
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(prefix="comfyflow-init-") as name:
        folder = Path(name)
        if package is not None:
            package.write(folder / STUBS)
        for kind, chosen in _candidates(schema):
            values = {"module": names.module, "stubs": package is not None or present is not None, **chosen}
            source = rendered(f"{kind}.py", values)
            (folder / names.source).write_text(source, encoding="utf-8")
            try:
                prompt = _compiled(folder, names.source, _WORDS[kind], present)
            except CommandError as error:
                reasons.append(f"{kind}: {error}")
                continue
            wrong = _wrong(prompt, schema)
            if wrong is not None:
                reasons.append(f"{kind}: {wrong}")
                continue
            test = rendered(f"test_{kind}.py", values)
            golden = json.dumps(prompt, indent=2, ensure_ascii=False) + "\n"
            golden_name = f"test_{names.module}.test_{kind}_is_as_agreed.json"
            return SampleWorkflow(kind, source, test, golden, golden_name, _OPTIONS[kind])
    why = f" ({'; '.join(reasons)})" if reasons else ""
    wanted = " or ".join(", ".join(classes) for classes in _CLASSES.values())
    raise ProjectError(
        f"{schema.source} lacks the nodes for a first workflow: {wanted}{why}. Run init without "
        "--server and --object-info to use the reference package"
    )


def _candidates(schema: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
    from ..python_source.text import string_literal

    for kind, classes in _CLASSES.items():
        if not all(name in schema for name in classes):
            continue
        if kind == "txt2img":
            for checkpoint in _checkpoints(schema):
                yield kind, {"checkpoint": string_literal(checkpoint)}
        else:
            yield kind, {}


def _checkpoints(schema: Schema) -> list[str]:
    """The models to try: the usual one where it is installed or nothing is known, else what is listed."""
    entry = schema["CheckpointLoaderSimple"].by_name.get("ckpt_name")
    listed = [name for name in (entry.choices if entry is not None else None) or () if isinstance(name, str)]
    if not listed or CHECKPOINT in listed:
        return [CHECKPOINT]
    return listed[:_TRIED_CHECKPOINTS]


def _compiled(folder: Path, source: str, words: tuple[str, ...], present: Path | None) -> Mapping[str, Any]:
    """The prompt of the workflow, from a separate Python process: ours may have other node classes imported.

    Raises:
        CommandError: It does not compile.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONIOENCODING": "utf-8",
    }
    command = [sys.executable, "-m", "comfyflow", "compile", str(folder / source), *words]
    done = subprocess.run(  # noqa: S603  # our own command
        command,
        cwd=present or folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["the command that compiles it failed"]
        raise CommandError(lines[-1].removeprefix("comfyflow: ").replace(f"{folder}{os.sep}", ""))
    made: Mapping[str, Any] = json.loads(done.stdout)
    return made


def _wrong(prompt: Mapping[str, Any], schema: Schema) -> str | None:
    from ..validate import validate_prompt

    report = validate_prompt(prompt, schema)
    if report.ok:
        return None
    found = [*report.errors, *report.refusals, *report.warnings]
    return str(found[0]) if found else str(report)
