"""``comfyflow to-python``: a workflow of any kind as Python, proven to be the same."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ComfyflowError, CommandError, PythonSourceError
from ..generated import SCHEMA_FILE, STUBS
from . import PROBLEMS
from .options import (
    PATH,
    complete_file,
    converting_options,
    given_schema,
    output_option,
    package_schema_of,
    say_warnings,
    schema_options,
    write_text,
)
from .streams import STDIN, say, shown_name

if TYPE_CHECKING:
    from ..diff import Diff
    from ..graph import Graph
    from ..python_source import Annotations
    from ..schema import Schema
    from ..source import Source


@click.command("to-python")
@click.argument("target", metavar="FILE", shell_complete=complete_file)
@output_option
@click.option("--flat", is_flag=True, help="Do not write functions for subgraphs.")
@click.option(
    "--params",
    metavar="WORDS",
    help="What becomes a parameter: prompts,files,seeds,sizes,models, NODE.INPUT; or none.",
)
@click.option("--name", metavar="NAME", help="The function's name.  [default: the file's]")
@click.option(
    "--package",
    metavar="NAME",
    help="The package to import node classes from.  [default: that of --stubs, else comfynodes]",
)
@click.option(
    "--line-length",
    metavar="N",
    type=click.IntRange(min=60),
    default=88,
    help="The maximum line length.",
)
@click.option(
    "--canvas",
    metavar="FILE",
    type=PATH,
    help="Save the editor workflow there, so that to-workflow restores its layout, colours and groups.",
)
@schema_options
@converting_options
def to_python(
    target: str,
    output: Path | None,
    flat: bool,
    params: str | None,
    name: str | None,
    package: str | None,
    line_length: int,
    canvas: Path | None,
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
) -> None:
    """Convert a workflow to Python, and prove that it builds the same graph; exit code 1 if not.

    FILE is a prompt, or another workflow; - is standard input.
    """
    from ..python_source import to_python as write_python
    from ..source import Converting
    from .target import load_target

    given = given_schema(server, object_info, stubs)
    package = package if package is not None else stubs if stubs is not None else STUBS
    schema = given if given is not None else package_schema_of(package)
    loaded = load_target(target, (), schema, Converting(editor, repair, packs=packs))
    say_warnings(loaded.warnings, known=given is not None)
    if canvas is not None:
        _saved(loaded, target)
    same = _as_in_package(loaded.graph, given, package) if given is not None else None
    schema = same if same is not None else schema
    source = write_python(
        loaded.graph,
        schema,
        name=name if name is not None else _name(target, loaded.name, output),
        flat=flat,
        params=None if params is None else _words(params),
        package=package,
        line_length=line_length,
        annotations=_annotations(loaded, schema),
        canvas=None if canvas is None else _beside(canvas, output),
    )
    generated = given is not None and package != stubs and same is None
    found = _proof(source, loaded.graph, schema, package, generate_package=generated)
    if not found.empty:
        say(f"the Python does not build the same graph and was not written:\n{found}", err=True)
        raise click.exceptions.Exit(PROBLEMS)
    if canvas is not None:
        _keep(_saved(loaded, target), canvas, target)
    write_text(source, output)
    if output is not None:
        click.echo(f"{output}: proven to build the same {len(found.before)} nodes", err=True)
        if generated:
            _tell_missing(loaded.graph, schema, package)


def _as_in_package(graph: Graph, given: Schema, package: str) -> Schema | None:
    """The schema of the package that is here, with a server's own entries of the classes in use.

    What classes are called in Python depends on all that a package has. Where the one that the module will
    import has the classes as the server has them, its names are the right ones, and the server need not be
    asked for the others.

    Args:
        graph: The workflow.
        given: The server's classes.
        package: The package.

    Returns:
        The schema; None if the classes are others, or all of the server's are known anyway.
    """
    from ..lock.lock_file import class_signature
    from ..schema import Schema
    from ..schema.catalogue import layered

    if given.count is not None:
        return None
    try:
        there = package_schema_of(package)
    except ComfyflowError:
        return None
    used = {node.class_type for node in graph.values()}
    for name in used:
        ours, theirs = there.get(name), given.get(name)
        if (
            ours is None
            or theirs is None
            or class_signature(ours, _none, False) != class_signature(theirs, _none, False)
        ):
            return None
    own = {name: given.raw[name] for name in used}
    return Schema(layered(own, there.raw), given.version, given.source, editor=given.editor)


def _none(_input: str) -> set[str]:
    """That no file of a list is in use."""
    return set()


def _saved(loaded: Source, target: str) -> Mapping[str, Any]:
    """The editor workflow that a target holds.

    Raises:
        CommandError: It holds none.
    """
    saved = loaded.editor if loaded.editor is not None else loaded.graph.canvas.document
    if saved is None:
        raise CommandError(
            f"{shown_name(target)} is not an editor workflow, so there is nothing for --canvas to save"
        )
    return saved


def _beside(canvas: Path, output: Path | None) -> str:
    """The path of a canvas as the program names it: from the folder that the program is in."""
    folder = output.parent if output is not None else Path()
    try:
        return Path(os.path.relpath(canvas, folder)).as_posix()
    except ValueError:  # another drive
        return canvas.resolve().as_posix()


def _keep(saved: Mapping[str, Any], canvas: Path, target: str) -> None:
    """Write the editor workflow; a file that has it already stays as it is."""
    if canvas.is_file() and target != STDIN and canvas.samefile(target):
        return
    write_text(json.dumps(saved, indent=2, ensure_ascii=False) + "\n", canvas)


def _tell_missing(graph: Graph, schema: Schema, package: str) -> None:
    """Say which classes the package lacks that the module imports: it was proven with another."""
    try:
        there: Mapping[str, Any] = package_schema_of(package)
    except ComfyflowError:
        there = {}
    used = {node.class_type for node in graph.values()}
    lacking = sorted(name for name in used if name in schema and name not in there)
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        say(
            f"the package {package} here has no {', '.join(lacking[:3])}{more}: "
            f"`comfyflow gen-stubs --out {package}` with the same server or file generates it",
            err=True,
        )


def _annotations(loaded: Source, schema: Schema) -> Annotations | None:
    """What the editor's JSON tells, where a file has it beside the prompt."""
    from ..importer import Conversion
    from ..python_source import read_annotations

    if loaded.editor is None or isinstance(loaded.prompt, Conversion):
        return None
    return read_annotations(loaded.editor, schema)


def _proof(source: str, graph: Graph, schema: Schema, package: str, *, generate_package: bool) -> Diff:
    """The proof, with the installed package or with one that is generated for it."""
    from ..python_source.proof import prove, prove_with_new_package

    if generate_package:
        return prove_with_new_package(source, graph, schema, package=package)
    try:
        return prove(source, graph, schema, package=package)
    except PythonSourceError as error:
        _refuse_older_package(source, graph, schema, package, error)
        raise


def _refuse_older_package(
    source: str, graph: Graph, schema: Schema, package: str, error: PythonSourceError
) -> None:
    """Say so where only the package's age is at fault: made again from its schema, it would do.

    Raises:
        CommandError: It is.
    """
    from ..python_source.proof import prove_with_new_package

    try:
        prove_with_new_package(source, graph, schema, package=package)
    except ComfyflowError:
        return  # the first error tells what is wrong
    found = importlib.util.find_spec(package)
    folder = next(iter(found.submodule_search_locations or ()), package) if found is not None else package
    raise CommandError(
        f"the package {package} was generated by an older comfyflow, and its classes do not work with "
        f"this one ({error}). Regenerate it: `comfyflow gen-stubs --object-info "
        f"{Path(folder, SCHEMA_FILE)} --out {folder}`, or use --server if the server is available"
    )


def _words(params: str) -> list[str]:
    words = [word.strip() for word in params.split(",") if word.strip()]
    if "none" in words and len(words) > 1:
        raise CommandError("--params none cannot be combined with others")
    return [] if words == ["none"] else words


def _name(target: str, loaded: str, output: Path | None) -> str:
    if target == STDIN:
        return output.stem if output is not None else "flow"
    path = Path(target)
    return path.stem if path.is_file() and path.suffix != ".py" else loaded
