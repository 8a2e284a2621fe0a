"""Each error reaches another process as it is."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from comfyflow import errors, validate_prompt
from comfyflow.problem import Place
from comfyflow.schema import Schema

REPORT = validate_prompt({"1": {"class_type": "A", "inputs": {}}}, Schema({}))
ARGUMENTS: dict[str, Any] = {
    "class_type": "KSampler",
    "code": "invalid_parameters",
    "detail": "it expects a number",
    "error": OSError(28, "No space left on device"),
    "exception_message": "out of range",
    "exception_type": "ValueError",
    "extra": "dask",
    "message": "it happened",
    "name": "steps",
    "node_id": "3",
    "path": "out/a.png",
    "place": Place("flow.py", 3),
    "problems": (),
    "prompt_id": "a-b",
    "reason": "expects a number",
    "report": REPORT,
    "status": 400,
    "traceback": ("line 1", "line 2"),
}


def tree(root: type[Exception]) -> list[type[Exception]]:
    return [root, *(each for kind in root.__subclasses__() for each in tree(kind))]


def made(kind: type[Exception]) -> Exception:
    """An error of a class, with a value for each argument that it has."""
    if kind is errors.PartialSuccess:
        first = errors.ExecutionError("it happened", "a-b", node_id="3", place=Place("flow.py", 3))
        return errors.PartialSuccess("a part", first, object())  # type: ignore[arg-type]
    try:
        parameters = [*inspect.signature(kind.__init__).parameters.values()][1:]
    except ValueError:  # it is Python's own
        parameters = []
    named = {each.name: ARGUMENTS[each.name] for each in parameters if each.name in ARGUMENTS}
    error = kind(**named) if named else kind("it happened")
    error.__notes__ = ["a note"]  # type: ignore[attr-defined]
    return error


def pickled(error: Exception) -> Any:
    return pickle.loads(pickle.dumps(error))  # noqa: S301  # pickled here


def all_errors() -> list[type[Exception]]:
    """All of the product, whichever modules other tests have imported; tests make some of their own."""
    for module in ("batch.reader", "importer.link_resolver", "serve.refusal"):
        importlib.import_module(f"comfyflow.{module}")
    return [each for each in tree(errors.ComfyflowError) if each.__module__.startswith("comfyflow.")]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("copied", [pickled, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_an_error_is_the_same_in_another_process(
    kind: type[Exception], copied: Callable[[Exception], Any]
) -> None:
    error = made(kind)
    other = copied(error)
    assert type(other) is kind
    assert str(other) == str(error)
    assert other.args == error.args
    held = {name: str(value) for name, value in vars(error).items() if name != "result"}
    assert {name: str(value) for name, value in vars(other).items() if name != "result"} == held
    for name in ("errno", "strerror", "filename", "msg"):
        assert getattr(other, name, None) == getattr(error, name, None)


def test_the_result_of_a_part_that_cannot_be_pickled_is_not_promised() -> None:
    error: Any = made(errors.PartialSuccess)
    error.result = "a result"
    assert pickled(error).result == "a result"
    assert "`result`" in str(pickled(error))
    error.result = lambda: "no result that can be pickled"
    assert pickled(error).result is None
    assert str(pickled(error)) == "a part (prompt a-b)"


class Full(errors.ComfyflowError, OSError):
    """A user's error, which Python makes again as it does others."""


class Coded(errors.ComfyflowError):
    def __new__(cls, code: int) -> Any:
        return super().__new__(cls, f"code {code}")


@pytest.mark.parametrize("copied", [pickled, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_errors_of_users_are_made_as_python_makes_them(copied: Callable[[Exception], Any]) -> None:
    error = copied(Full(28, "no space left", "/disk"))
    assert (error.errno, error.strerror, error.filename) == (28, "no space left", "/disk")
    coded: Any = Coded(3)
    coded.more = 5
    assert (str(copied(coded)), copied(coded).more) == (str(coded), 5)
