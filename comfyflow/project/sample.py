"""The name of a new project and the workflow that it begins with.

Its server can run that workflow; the golden of its test comes along.
"""

from __future__ import annotations

import importlib.util
import json
import keyword
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import CommandError, ProjectError
from ..generated import STUBS

if TYPE_CHECKING:
    from jinja2 import Environment

    from ..codegen import Package
    from ..schema import Schema


_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
"""What a distribution may be called: https://packaging.python.org/en/latest/specifications/name-normalization/."""


_LONGEST: Final = 100


_OWN: Final = frozenset({"comfyflow", "comfyflow_dsl", "comfynodes", "tests", "conftest"})
"""Modules that every project has or needs."""


@dataclass(frozen=True)
class ProjectName:
    """A project's name.

    Attributes:
        name: As ``pyproject.toml`` has it: ``print-shop``.
        module: The module of its workflows: ``print_shop``.
    """

    name: str
    module: str

    @property
    def source(self) -> str:
        """The file of its workflows."""
        return f"{self.module}.py"

    @property
    def test(self) -> str:
        """The file of their tests."""
        return f"test_{self.module}.py"

    @classmethod
    def checked(cls, text: str) -> ProjectName:
        """The name that someone wants to give.

        Args:
            text: The name, or that of the project's folder.

        Raises:
            ProjectError: No distribution may have it, or a module of that name could not be imported
                or would hide another. The message has the nearest name that will do.
        """
        reason = _unfit(text)
        if reason is None:
            return cls(text, _module(text))
        raise ProjectError(f"{text!r:.120} cannot name a project: {reason}. {_advice(text)}")


def _unfit(text: str) -> str | None:
    """Why a string cannot be the name, or None."""
    if not _NAME.fullmatch(text):
        return "a name has letters, digits, '-', '_' and '.', and begins and ends with a letter or a digit"
    if len(text) > _LONGEST:
        return f"it has more than {_LONGEST} characters"
    module = _module(text)
    if not module.isidentifier():
        return f"Python cannot import a module {module!r}"
    if keyword.iskeyword(module):
        return f"{module!r} is a Python keyword"
    if module in sys.stdlib_module_names:
        return f"a module {module!r} would hide one of Python's standard library"
    if module in _OWN or _is_installed(module):
        return f"a module {module!r} would hide one that is installed or already in the project"
    return None


def _advice(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_LONGEST].strip("-")
    candidates = (plain, f"{plain}-workflows".strip("-"), f"comfy-{plain}".strip("-"))
    near = next((name for name in candidates if _unfit(name) is None), "my-workflows")
    return f"Name it with --name {near}"


def _module(text: str) -> str:
    return re.sub(r"[-.]+", "_", text).lower()


def _is_installed(module: str) -> bool:
    """Whether a module of that name is found; a bare folder, like the project's own, does not count."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None


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
        schema: What the server says about its classes.
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


def rendered(name: str, values: Mapping[str, Any]) -> str:
    """The text of a template.

    Args:
        name: The template: ``README.md``.
        values: What it names; texts of a server are Python literals by then.
    """
    return _environment().get_template(f"{name}.jinja").render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # not HTML
    )
