"""The parameters of a workflow function as a pydantic model.

One model serves all sources of values outside Python: the command line, rows, a form, an
agent. It is built when it is first asked for, so that pydantic stays out of ``import comfyflow``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Optional, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticOmit, PydanticUndefined, to_jsonable_python

from ..annotation import bare
from ..errors import ParameterError
from ..parameters import Parameter, Parameters, fitted_annotation

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class ParametersModel(BaseModel):
    """What models of parameters derive from; see `WorkflowFunction.parameters_model`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        arbitrary_types_allowed=True, extra="forbid", protected_namespaces=(), populate_by_name=True
    )
    parameter_names: ClassVar[Mapping[str, str]] = {}
    """The names of the parameters by the names of the fields, which differ where pydantic needs the name."""

    def arguments(self) -> dict[str, Any]:
        """The values that were given, by the parameter's name: what the function is called with."""
        given = {
            self.parameter_names[name]: getattr(self, name)
            for name in type(self).model_fields
            if name in self.model_fields_set
        }
        return {**given, **(self.model_extra or {})}


def build_model(name: str, documentation: str, parameters: Mapping[str, inspect.Parameter]) -> Any:
    """The model of some parameters.

    Args:
        name: The function's name.
        documentation: Its docstring.
        parameters: Its parameters.

    Returns:
        A class that derives from `ParametersModel`.

    Raises:
        ParameterError: pydantic can make nothing of an annotation.
    """
    known = Parameters(parameters)
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    for number, entry in enumerate(known.values()):
        field = _field_name(entry.name, number)
        names[field] = entry.name
        fields[field] = (_taken_by(entry), _field(entry, field))
    summary = documentation.partition("\n\n")[0].strip()
    config = ConfigDict(extra="allow" if known.rest is not None else "forbid")
    base = type("Base", (ParametersModel,), {"model_config": config, "__module__": __name__})
    try:
        model: Any = create_model(_class_name(name), __base__=base, __doc__=summary or None, **fields)
    except Exception as error:  # an annotation is the user's own code, and may be anything
        for entry in known.values():
            entry.check()
        raise ParameterError(name, f"has parameters that cannot become a model: {error}") from error
    model.parameter_names = names
    return model


def json_schema(model: Any, name: str) -> dict[str, Any]:
    """The JSON Schema of a model of parameters.

    A parameter that can be given only in Python is left out; where it is required there is no schema.

    Args:
        model: See `build_model`.
        name: The function's name.

    Raises:
        ParameterError: A required parameter can be given only in Python.
    """
    made: dict[str, Any] = model.model_json_schema(schema_generator=_Generator)
    properties = made.get("properties", {})
    for field, entry in model.model_fields.items():
        parameter = model.parameter_names[field]
        if parameter not in properties and entry.is_required():
            raise ParameterError(
                parameter, "is required and can only be passed from Python: it has no JSON Schema"
            )
    required = [each for each in made.get("required", []) if each in properties]
    made = {"$schema": DIALECT, **made, "title": name, "properties": properties}
    if required:
        made["required"] = required
    return made


class _Generator(GenerateJsonSchema):
    """Leaves out what no JSON can stand for, and defaults that are not."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  # as its base has it

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Any:
        """Leave it out."""
        del schema, error_info
        raise PydanticOmit

    def encode_default(self, dft: Any) -> Any:
        """The default as JSON."""
        return to_jsonable_python(dft, serialize_unknown=True)


def _taken_by(entry: Parameter) -> Any:
    """What a field takes: `steps: int = None` takes null too, for programs do give what is the default."""
    annotation = fitted_annotation(entry.annotation.whole)
    inner, _ = bare(annotation)
    takes_none = entry.default is not None or inner is Any or type(None) in get_args(inner)
    return annotation if takes_none else Optional[annotation]  # noqa: UP045 (it is a value)


def _field(entry: Parameter, field: str) -> Any:
    description = " ".join(f"{text.rstrip('.')}." for text in entry.annotation.about) or None
    title = entry.name.replace("_", " ").capitalize()
    alias = entry.name if field != entry.name else None
    default: Any = PydanticUndefined
    if not entry.is_required:
        default = [] if entry.default is inspect.Parameter.empty else entry.default
    return Field(default=default, title=title, description=description, alias=alias)


def _field_name(name: str, number: int) -> str:
    """A name for a field: pydantic has its own names, and takes none that begins with an underscore."""
    return f"parameter_{number}" if name.startswith("_") or name in _taken() else name


@cache
def _taken() -> frozenset[str]:
    return frozenset(dir(ParametersModel))


def _class_name(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Parameters"
