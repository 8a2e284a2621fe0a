"""Functions that make workflows: ``@workflow``."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeGuard, TypeVar, overload

from ..argument_name import name_nearest
from ..errors import NodeUsageError, SchemaError
from ..problem import Place
from .workflow import Call, Workflow

if TYPE_CHECKING:
    import inspect

    from ..schema import Schema
    from .parameters_model import ParametersModel

P = ParamSpec("P")
R = TypeVar("R")


class WorkflowFunction(Generic[P, R]):
    """A function that makes a workflow; calling it gives the `Workflow`.

    Its parameters are the workflow's: on the command line they become options.

    Args:
        function: A function that returns the node, or nodes, to be run; see `Workflow`.
        canvas: See `workflow`.
    """

    def __init__(self, function: Callable[P, R], canvas: str | os.PathLike[str] | None = None) -> None:
        self.function = function
        self._canvas = os.fspath(canvas) if canvas is not None else None
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Workflow[R]:
        """The workflow for these parameters.

        Raises:
            TypeError: A parameter, or an argument of a node class, that is not accepted. The error
                names the nearest argument that the class has.
        """
        try:
            returned = self.function(*args, **kwargs)
        except TypeError as error:
            within = error.__traceback__.tb_next if error.__traceback__ is not None else None
            name_nearest(error, self.function if within is None else None)
            raise
        try:
            made = Workflow(returned)
        except NodeUsageError as error:
            if error.place is not None:
                raise
            raise NodeUsageError(f"{self.name} did not return a workflow: {error}", self._place) from None
        made._name = self.name
        made._call = Call(self.function, args, kwargs)
        made._canvas = self.canvas
        return made

    @property
    def canvas(self) -> Path | None:
        """The file of the editor that the workflow is laid out as, or None; see `workflow`."""
        if self._canvas is None:
            return None
        place = self._place
        source = Path(place.file) if place is not None else Path()
        # What is typed into a notebook or a prompt is in no file.
        return source.parent / self._canvas if source.is_file() else Path(self._canvas)

    @property
    def _place(self) -> Place | None:
        from inspect import unwrap  # which takes as long to import as many a workflow to make

        code = getattr(unwrap(self.function), "__code__", None)
        return Place(code.co_filename, code.co_firstlineno) if code is not None else None

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", "workflow")

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters, each annotation resolved where it can be."""
        from inspect import unwrap

        function = unwrap(self.function)
        signature = _signature(self.function)
        names = getattr(function, "__globals__", {})
        return {
            name: parameter.replace(annotation=_resolved(parameter.annotation, names))
            for name, parameter in signature.parameters.items()
        }

    def typed_parameters(self, schema: Schema | None = None) -> dict[str, inspect.Parameter]:
        """The parameters, narrowed by what the schema says about the inputs that they come to as they are.

        ``steps: int`` that is given to ``KSampler.steps`` takes 1 to 10,000. What the docstring says about a
        parameter is added to its annotation.

        Args:
            schema: Of the server in use; by default, the one beside the node classes, if there is one.
        """
        from ..parameters import Parameters
        from .narrowing import narrowed

        parameters = self.parameters
        known = Parameters(parameters)

        def own_schema(made: Workflow[Any]) -> Schema | None:
            try:
                return schema if schema is not None else made.schema()
            except SchemaError:
                return None

        return narrowed(self.function, parameters, lambda arguments: known.call(self, arguments), own_schema)

    @functools.cached_property
    def parameters_model(self) -> type[ParametersModel]:
        """The parameters as a pydantic model, narrowed; see `typed_parameters`. Built when first asked for.

        ::

            values = txt2img.parameters_model.model_validate({"prompt": "a cat", "steps": 30})
            workflow = txt2img(**values.arguments())

        Raises:
            ParameterError: pydantic can make nothing of an annotation.
        """
        return self._model(None)

    def json_schema(self, schema: Schema | None = None) -> dict[str, Any]:
        """The JSON Schema of the parameters: for forms, agents and programs in other languages.

        A whole number that may be above 2**53, such as a seed, may be given as a string too, because
        JavaScript rounds it.

        Args:
            schema: See `typed_parameters`.

        Raises:
            ParameterError: A required parameter can be given only in Python.
        """
        from .parameters_model import json_schema

        return json_schema(self.parameters_model if schema is None else self._model(schema), self.name)

    def _model(self, schema: Schema | None) -> type[ParametersModel]:
        from inspect import getdoc

        from .parameters_model import build_model

        made: type[ParametersModel] = build_model(
            self.name, getdoc(self.function) or "", self.typed_parameters(schema)
        )
        return made

    def __repr__(self) -> str:
        return f"<workflow {self.name}{_signature(self.function)}>"


@overload
def workflow(function: Callable[P, R], /) -> WorkflowFunction[P, R]: ...


@overload
def workflow(
    *, canvas: str | os.PathLike[str] | None = None
) -> Callable[[Callable[P, R]], WorkflowFunction[P, R]]: ...


def workflow(
    function: Callable[P, R] | None = None, /, *, canvas: str | os.PathLike[str] | None = None
) -> WorkflowFunction[P, R] | Callable[[Callable[P, R]], WorkflowFunction[P, R]]:
    """Turn a function that returns nodes into one that returns a `Workflow`.

    ::

        @workflow
        def txt2img(prompt: str, seed: int = 0) -> SaveImage: ...


        txt2img("a lighthouse").to_prompt()

    Args:
        function: Its parameters are the workflow's; it returns a node, or nodes in a tuple,
            a list, a dict, a named tuple or a dataclass.
        canvas: An editor workflow in a file beside the function's: ``@workflow(canvas=
            "txt2img.workflow.json")``. Exported to the editor, the workflow then has its layout, groups,
            notes and colours; see `to_workflow`.

    Raises:
        NodeUsageError: It is not a function, or `canvas` is not a path.
    """
    _check_types(function, canvas)
    if function is None:
        return lambda decorated: WorkflowFunction(decorated, canvas)
    return WorkflowFunction(function)


def _check_types(function: object, canvas: object) -> None:
    if not isinstance(canvas, (str, os.PathLike, NoneType)):
        raise NodeUsageError(f"canvas must be a path, not {type(canvas).__name__}")
    if function is not None and not callable(function):
        kind = type(function).__name__
        raise NodeUsageError(f"@workflow decorates a function, not {kind}; pass an editor file as canvas=")


def is_workflow(value: object) -> TypeGuard[Workflow[Any] | WorkflowFunction[..., Any]]:
    """Whether something in a module is a workflow, or a function that makes one."""
    return isinstance(value, (Workflow, WorkflowFunction))


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """A function's signature; names that only a type checker knows stay as they are written."""
    from inspect import signature

    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return signature(function, annotation_format=Format.FORWARDREF)
    return signature(function)


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    """What an annotation that is written as text says, or the text if its names are not known."""
    if isinstance(annotation, str):
        with contextlib.suppress(NameError, TypeError, SyntaxError, AttributeError):
            return eval(annotation, names)  # noqa: S307  # the user's own code, as `inspect` would
    return annotation if not isinstance(annotation, typing.ForwardRef) else annotation.__forward_arg__
