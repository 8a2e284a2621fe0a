"""An argument that a node class does not have: the error names the nearest one on every Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from comfynodes import EmptyImage, SaveImage, SaveVideo

from comfyflow import workflow
from comfyflow.argument_name import name_nearest
from tests.command import Command

given: dict[str, Any] = {"widht": 3}


@workflow
def misspelled() -> SaveImage:
    return SaveImage(images=EmptyImage(**given))


@workflow
def inner() -> Any:
    codec: dict[str, Any] = {"codc": "h264"}
    return SaveVideo.Format.mp4(**codec)


@workflow
def far() -> Any:
    nothing: dict[str, Any] = {"zzz": 1}
    return EmptyImage(**nothing)


def test_a_misspelled_argument_is_answered_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'widht'. Did you mean 'width'\?$"):
        misspelled()
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'codc'. Did you mean 'codec'\?$"):
        inner()


def test_where_none_is_near_the_error_still_says_what_python_says() -> None:
    with pytest.raises(TypeError, match=r"^EmptyImage.__init__\(\) got an unexpected keyword argument 'zzz'"):
        far()


@pytest.mark.parametrize(
    "message",
    [
        "Elsewhere.__init__() got an unexpected keyword argument 'widht'",
        "EmptyImage.__init__() got an unexpected keyword argument 'widht'. Did you mean 'width'?",
        "EmptyImage.__init__() takes 1 positional argument but 2 were given",
        "",
    ],
)
def test_other_errors_stay_as_they_are(message: str) -> None:
    error = TypeError(message)
    name_nearest(error)
    assert error.args == (message,)
    nothing = TypeError()
    name_nearest(nothing)
    assert nothing.args == ()


def test_a_command_names_it_too(tmp_path: Path, command: Command) -> None:
    flow = tmp_path / "flow.py"
    flow.write_text("from comfynodes import EmptyImage\n\nEmptyImage(widht=3)\n")
    run = command("compile", str(flow))
    assert run.code != 0
    assert "Did you mean 'width'?" in run.err


def test_the_nearest_parameter_of_a_workflow_function_is_named() -> None:
    @workflow
    def painted(prompt: str, *, width: int = 8) -> object:
        raise AssertionError

    made: Any = painted
    with pytest.raises(TypeError, match=r"'promt'\. Did you mean 'prompt'\?"):
        made(promt="a lighthouse")
    with pytest.raises(TypeError, match=r"'zzz'\. Valid arguments: prompt, width"):
        made(zzz=1)
