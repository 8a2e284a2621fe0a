"""One constant, converted and checked exactly as the server does it."""

from __future__ import annotations

from typing import Any, Final

from ..graph.prompt import unwrapped
from ..json_types import is_list
from ..schema.input_schema import COMBO
from .plan import InputPlan
from .rules import ServerRules
from .server_error import (
    INVALID_INPUT_TYPE,
    VALUE_BIGGER_THAN_MAX,
    VALUE_NOT_IN_LIST,
    VALUE_SMALLER_THAN_MIN,
    ErrorEntry,
    Raised,
)

FAILURES: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What Python raises when JSON values are converted, compared and shown."""

_SHOWN_CHOICES: Final = 20
_CONVERTED: Final = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


def converted(plan: InputPlan, value: Any) -> Any:
    """The value as the server stores it in the prompt: unwrapped, and of the input's type.

    Raises:
        Exception: One of `FAILURES`: it cannot be converted.
    """
    value = unwrapped(value)
    kind = plan.input_type
    convert = _CONVERTED.get(kind) if isinstance(kind, str) else None
    return value if convert is None else convert(value)


def check_constant(plan: InputPlan, value: Any, rules: ServerRules) -> ErrorEntry | Raised | None:
    """What the server says about a constant.

    Args:
        plan: The input that it is for.
        value: The constant, as it is in the prompt: anything but a list.
        rules: The server's rules.

    Returns:
        Its error, the exception that it runs into, or None.
    """
    inner = unwrapped(value)
    try:
        inner = converted(plan, value)
    except FAILURES as error:
        return _not_converted(plan, inner, error)
    if not plan.limited:
        return None
    try:
        return _out_of_range(plan, inner) or _not_listed(plan, inner, rules)
    except FAILURES as error:
        return Raised.by(error)


def _not_converted(plan: InputPlan, value: Any, error: Exception) -> ErrorEntry | Raised:
    try:
        details = f"{plan.name}, {value}, {error}"
    except FAILURES as worse:
        return Raised.by(worse)
    info = _info(plan, value)
    info["exception_message"] = str(error)
    message = f"Failed to convert an input value to a {plan.input_type} value"
    return ErrorEntry(INVALID_INPUT_TYPE, message, details, info)


def _out_of_range(plan: InputPlan, value: Any) -> ErrorEntry | None:
    options = plan.options
    if "min" in options and value < options["min"]:
        message = f"Value {value} smaller than min of {options['min']}"
        return ErrorEntry(VALUE_SMALLER_THAN_MIN, message, plan.name, _info(plan, value))
    if "max" in options and value > options["max"]:
        message = f"Value {value} bigger than max of {options['max']}"
        return ErrorEntry(VALUE_BIGGER_THAN_MAX, message, plan.name, _info(plan, value))
    return None


def _not_listed(plan: InputPlan, value: Any, rules: ServerRules) -> ErrorEntry | None:
    choices: Any = plan.input_type
    if not is_list(choices):
        if choices != COMBO or not rules.checks_combos:
            return None
        choices = plan.options.get("options", [])
    if rules.multiselect and plan.options.get("multiselect", False) and is_list(value):
        strange: list[Any] = [item for item in value if item not in choices]
    else:
        strange = [] if value in choices else [value]
    if not strange:
        return None
    info = _info(plan, value)
    if len(choices) > _SHOWN_CHOICES:
        listed, info["input_config"] = f"(list of length {len(choices)})", None
    else:
        listed = str(choices)
    shown = ", ".join(map(repr, strange)) if rules.multiselect else f"'{value}'"
    return ErrorEntry(VALUE_NOT_IN_LIST, "Value not in list", f"{plan.name}: {shown} not in {listed}", info)


def _info(plan: InputPlan, value: Any) -> dict[str, Any]:
    return {"input_name": plan.name, "input_config": plan.config, "received_value": value}
