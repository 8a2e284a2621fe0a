"""The target of a command: a Python workflow, a prompt, an editor workflow."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..argument_name import name_nearest
from ..errors import ClientError, ComfyflowError, CommandError, WorkflowFileError
from ..json_types import object_or_empty
from ..named_inputs import named_inputs_beside, signature_of, with_values
from ..parameters import Parameters
from ..source import Converting, Source, editor_classes, prompt_classes, read_file
from ..workflows import Workflow, WorkflowFunction, is_workflow
from .options import reference_schema
from .parameters import option_like, read_parameters, share_words
from .streams import given_file, shown_name
from .stubs_package import FINDER

if TYPE_CHECKING:
    from ..schema import Schema


def load_target(
    text: str,
    words: Sequence[str] = (),
    schema: Schema | None = None,
    converting: Converting | None = None,
    *,
    narrowed: bool = False,
) -> Source:
    """Load a command's targets.

    Args:
        text: ``FILE.py``, ``FILE.py:NAME``, ``package.module:NAME``, or a file of another kind: ``-`` is
            standard input.
        words: The parameters of a workflow function, as they are on the command line.
        schema: What to convert an editor workflow with; otherwise what `converting` asks for, or the
            reference schema.
        converting: How to convert it.
        narrowed: Whether parameters take no more than the inputs that they come to; see
            `WorkflowFunction.typed_parameters`. Commands that check the prompt tell more, and need it not.

    Raises:
        CommandError: It does not exist, it is ambiguous, or the parameters do not fit.
        ComfyflowError: It cannot be compiled, read or converted.
    """
    file, name = _split(text)
    if _is_python(file):
        _refuse_converting(text, converting)
        made = load_workflow(file, name, words, narrowed=narrowed)
        source = Source.of(made, name=made.name or file.stem)
        if schema is not None:
            schema.expect(prompt_classes(source.prompt))
        return source
    loaded = _load_file(text, schema, converting)
    if not words:
        return loaded
    named = named_inputs_beside(text, loaded.graph)
    if named is None:
        name, hint = shown_name(text), option_like(words[0].partition("=")[0])
        what = f"{name} is not a Python workflow and takes no parameters: {' '.join(words)}"
        raise CommandError(f"{what}; {hint}" if hint else what)
    known = signature_of(named, loaded, schema if schema is not None else reference_schema())
    return with_values(loaded, named, read_parameters(words, known))


def load_targets(
    texts: Sequence[str],
    words: Sequence[str] = (),
    schema: Schema | None = None,
    converting: Converting | None = None,
) -> dict[str, Source]:
    """Load a command's targets; each workflow gets the parameters that it has.

    Args:
        texts: See `load_target`.
        words: Parameters of workflow functions, as they are on the command line. Each is for
            all workflows that have it, and for one at least.
        schema: See `load_target`.
        converting: See `load_target`.

    Returns:
        The targets, by what they were called.

    Raises:
        CommandError: See `load_target`; a parameter that no workflow has.
        ComfyflowError: See `load_target`.
    """
    if len(texts) == 1:
        return {texts[0]: load_target(texts[0], words, schema, converting)}
    found = {text: find_workflow(text) for text in texts}
    if words and not any(found.values()):
        raise CommandError(f"none of {', '.join(map(shown_name, found))} takes parameters: {' '.join(words)}")
    if all(map(is_python, texts)):
        _refuse_converting(" and ".join(texts), converting)
    shared = share_words(words, {text: made.parameters if made else {} for text, made in found.items()})
    return {text: _load(text, own, schema, converting) for text, own in shared.items()}


def _load(text: str, words: Sequence[str], schema: Schema | None, converting: Converting | None) -> Source:
    """One of several: what is wrong with it says which it is."""
    try:
        return load_target(text, words, schema, None if is_python(text) else converting)
    except CommandError as error:
        name = shown_name(text)
        raise (error if name in str(error) else CommandError(f"{name}: {error}")) from None


def _refuse_converting(text: str, converting: Converting | None) -> None:
    """Options of a conversion have nothing to do for a workflow in Python.

    Raises:
        CommandError: There are some.
    """
    if converting is not None and converting.asked:
        options, verb = " and ".join(converting.asked), "is" if len(converting.asked) == 1 else "are"
        raise CommandError(f"{options} {verb} for editor workflows; {text} is Python and needs no conversion")


def is_python(text: str) -> bool:
    """Whether a target is a workflow in Python, which needs no schema to become a prompt."""
    return _is_python(_split(text)[0])


def own_schema(target: Source) -> Schema:
    """The schema that a target is checked against if none is given.

    Raises:
        SchemaError: There is none.
    """
    own = target.own_schema()
    return own if own is not None else reference_schema()


def find_workflow(text: str) -> WorkflowFunction[..., Any] | None:
    """The workflow function that a target names; None if it is something else.

    Raises:
        CommandError: There is no file of that name or function.
    """
    file, name = _split(text)
    if not _is_python(file):
        return None
    chosen = _choose(_load_module(file), name, str(file))
    return chosen if isinstance(chosen, WorkflowFunction) else None


def load_workflow(
    file: Path, name: str | None, words: Sequence[str] = (), *, narrowed: bool = False
) -> Workflow[Any]:
    """The workflow of that name in a Python file or module, made with these parameters.

    Raises:
        CommandError: See `load_target`.
    """
    module = _load_module(file)
    chosen = _choose(module, name, str(file))
    if isinstance(chosen, Workflow):
        if words:
            raise CommandError(f"{file}: that workflow takes no parameters: {' '.join(words)}")
        return chosen
    arguments = read_parameters(words, chosen.typed_parameters() if narrowed and words else chosen.parameters)
    try:
        made: Workflow[Any] = Parameters(chosen.parameters).call(chosen, arguments)
    except ComfyflowError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise CommandError(told(error, file)) from error
    return made


def _split(text: str) -> tuple[Path, str | None]:
    head, separator, tail = text.rpartition(":")
    if separator and tail.isidentifier() and (head.endswith(".py") or _is_module(head)):
        return Path(head), tail
    return Path(text), None


def _is_python(file: Path) -> bool:
    return file.suffix == ".py" or (not file.exists() and _is_module(str(file)))


def _is_module(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _load_module(file: Path) -> ModuleType:
    if file.suffix != ".py":
        return _load_once(file, None)
    if not file.is_file():
        raise CommandError(f"file not found: {file}")
    return _load_once(file, file.resolve())


@cache
def _load_once(file: Path, path: Path | None) -> ModuleType:
    """The module of a file (`path`: where it is, whatever the current folder), or of a dotted name."""
    try:
        return importlib.import_module(str(file)) if path is None else _execute(file, path)
    except ClientError as error:
        hint = 'what runs when the file is loaded belongs below `if __name__ == "__main__":`'
        raise CommandError(f"{told(error, file)}; {hint}") from error
    except ComfyflowError:
        raise
    except (Exception, SystemExit) as error:  # the user's own code may raise anything
        if isinstance(error, ModuleNotFoundError) and f"{file}.".startswith(f"{error.name}."):
            raise CommandError(f"{file} not found, neither as a file nor as a module") from None
        if isinstance(error, TypeError):
            name_nearest(error)
        raise CommandError(told(error, file)) from error


def _execute(file: Path, path: Path) -> ModuleType:
    """Run a file as a module, able to import its neighbours, as ``python FILE`` would."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CommandError(f"{file} is not a Python file")
    FINDER.look_into(path.parent)
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _choose(module: ModuleType, name: str | None, file: str) -> Workflow[Any] | WorkflowFunction[..., Any]:
    found = {
        key: value for key, value in vars(module).items() if is_workflow(value) and not key.startswith("_")
    }
    if name is not None:
        if name not in found:
            raise CommandError(f"{file} has no workflow {name!r}; it has: {', '.join(found) or 'none'}")
        return found[name]
    own = {key: value for key, value in found.items() if _is_of(value, module.__name__)}
    if len(own) != 1:
        names = ", ".join(f"{file}:{key}" for key in own)
        how = f"choose one: {names}" if own else "mark a function with @workflow"
        raise CommandError(f"{file} has {len(own) or 'no'} workflows; {how}")
    return next(iter(own.values()))


def _is_of(value: Workflow[Any] | WorkflowFunction[..., Any], module: str) -> bool:
    """Whether a workflow was made in a module or below it, and not only imported there."""
    made_in = value.function.__module__ if isinstance(value, WorkflowFunction) else module
    return made_in == module or made_in.startswith(f"{module}.")


def told(error: BaseException, file: Path) -> str:
    """An exception of the user's code in one line, at the last line of the user's file.

    Args:
        error: The exception.
        file: The user's file.
    """
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == file.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f"{file}:{line}" if line else str(file)
    return f"{where}: {type(error).__name__}: {error}"


def _load_file(text: str, schema: Schema | None, converting: Converting | None) -> Source:
    """A prompt or an editor workflow, in whatever file carries it."""
    source, shown = given_file(text)
    try:
        prompt, editor = read_file(source, shown)
    except WorkflowFileError as error:
        if isinstance(source, Path):
            raise
        raise CommandError(f"{error} (a Python workflow is named by its file, not piped)") from None
    if schema is not None:
        schema.expect(prompt_classes(object_or_empty(prompt)) | editor_classes(editor))
    return Source.of_json(prompt, editor, schema, name=Path(shown).name, converting=converting, file=shown)
