"""Served workflows from the targets of a command."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..batch.refill import Recipe
from ..named_inputs import NamedInput, signature_of
from ..parameters import Parameters
from ..schema import Schema
from ..source import Source
from ..workflows import WorkflowFunction
from ..workflows.parameters_model import build_model
from .served_workflow import ServedWorkflow


def served_function(function: WorkflowFunction[..., Any]) -> ServedWorkflow:
    """Serve a workflow function.

    Args:
        function: The function.

    Raises:
        ParameterError: A required parameter can be given only in Python.
        CommandError: Its name cannot be part of an address.
    """
    parameters = function.typed_parameters()
    text = inspect.getdoc(function.function) or ""
    file = inspect.unwrap(function.function).__code__.co_filename
    served = ServedWorkflow(
        function.name,
        _summary(text),
        Recipe.of(function),
        Parameters(parameters),
        function.parameters_model,
        Path(file).resolve().parent,
    )
    _ = served.schema  # report now what cannot be given over HTTP
    return served


def served_source(
    name: str, source: Source, named: Sequence[NamedInput], schema: Schema, folder: Path
) -> ServedWorkflow:
    """Serve a workflow that is not written in Python, with the parameters chosen for it.

    Args:
        name: Its name.
        source: The workflow.
        named: Its parameters.
        schema: The types of the parameters.
        folder: The folder of files that it names.

    Raises:
        CommandError: Its name cannot be part of an address.
    """
    signature = signature_of(named, source, schema)
    model = build_model(name, "", signature)
    recipe = Recipe.of(source, schema, name=name, named=named)
    return ServedWorkflow(name, "", recipe, Parameters(signature), model, folder.resolve())


def _summary(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())
