from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import comfyflow
from comfyflow import errors


def test_every_public_name_can_be_had() -> None:
    for name in comfyflow.__all__:
        assert getattr(comfyflow, name) is not None
    assert dir(comfyflow) == sorted(comfyflow.__all__)


def test_type_checkers_see_what_run_time_gives() -> None:
    tree = ast.parse(Path(comfyflow.__file__ or "").read_text(encoding="utf-8"))
    seen = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == set(comfyflow.__all__)


def test_importing_the_package_is_cheap() -> None:
    program = "import sys, comfyflow; comfyflow.Workflow; print([m for m in sys.modules if '.' not in m])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(run.stdout))
    heavy = {
        "httpx",
        "networkx",
        "jinja2",
        "websockets",
        "click",
        "rich",
        "aiohttp",
        "numpy",
        "PIL",
        "asyncio",
        "pydantic",
    }
    assert not loaded & heavy


def test_errors_are_one_tree_and_its_picture_is_true() -> None:
    classes = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    assert all(issubclass(value, errors.ComfyflowError) for value in classes.values())
    assert errors.__doc__ is not None
    for name in classes:
        assert name in errors.__doc__
