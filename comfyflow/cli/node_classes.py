"""Commands about a server's node classes: ``comfyflow nodes`` and ``comfyflow gen-stubs``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..errors import CommandError, SchemaError
from ..generated import STUBS
from . import PROBLEMS
from .options import (
    PATH,
    connection_options,
    given_schema,
    object_info_option,
    reference_schema,
    schema_options,
    server_option,
    server_url,
)
from .streams import say

if TYPE_CHECKING:
    from ..codegen import Renamed
    from ..schema import NodeSchema, Schema


@click.command("nodes")
@click.argument("words", metavar="[NAME | WORDS...]", nargs=-1)
@schema_options
def nodes(words: tuple[str, ...], object_info: Path | None, server: str | None, stubs: str | None) -> None:
    """Search a server's node classes, or show one of them."""
    from ..schema.node_description import describe_node
    from ..schema.node_index import NodeIndex

    given = given_schema(server, object_info, stubs)
    schema = given if given is not None else reference_schema()
    if len(words) == 1 and words[0] in schema:
        say(describe_node(schema[words[0]]))
        package = stubs or STUBS
        of_package = stubs is not None or given is None
        for line in _in_python(schema, words[0], package if of_package else None):
            say(line)
        say(schema, err=True)
        return
    found = NodeIndex(schema).find(words)
    for node in found:
        say(f"{node.class_type:<40} {node.display_name} ({node.category})")
    if not found:
        near = schema.nearest(" ".join(words))
        hint = f"; did you mean {near}" if near else ""
        say(f"no node class matches {' '.join(words)!r}{hint}", err=True)
    say(schema, err=True)
    if not found:
        raise click.exceptions.Exit(PROBLEMS)


def _in_python(schema: Schema, class_type: str, package: str | None) -> Iterator[str]:
    """How a program gets a class, and which of its names differ there.

    Args:
        schema: The node classes.
        class_type: The class.
        package: The package that it is in, or None where one has to be generated.
    """
    from ..codegen.package_plan import python_names

    def nodes() -> Iterator[NodeSchema]:
        for known in sorted(schema):
            yield schema[known]

    name, differ = python_names(schema[class_type], nodes())
    if package is not None:
        yield f"in Python: from {package} import {name}"
    else:
        yield f"in Python: {name}, in the package that comfyflow gen-stubs writes"
    for entry in differ:
        yield f"  {entry.kind} {entry.wire} is {entry.name}"


_SHOWN_CLASSES: Final = 10
"""Of how many classes with renamed names a line is printed."""


@click.command("gen-stubs")
@server_option
@object_info_option
@click.option(
    "--out", metavar="DIR", type=PATH, default=Path("comfynodes"), help="The folder of the package."
)
@click.option("--docs/--no-docs", default=True, help="Write the server's descriptions as docstrings.")
@click.option(
    "--max-choices",
    metavar="N",
    type=click.IntRange(min=0),
    default=100,
    help="Type longer lists of choices as str.",
)
@click.option("--include", metavar="PATTERN", multiple=True, help="Generate only these classes or modules.")
@click.option("--exclude", metavar="PATTERN", multiple=True, help="Leave out these classes or modules.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if files are stale.")
@click.option("-v", "--verbose", is_flag=True, help="List every name that differs in Python.")
def gen_stubs(
    server: str | None,
    object_info: Path | None,
    out: Path,
    docs: bool,
    max_choices: int,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    check: bool,
    verbose: bool,
) -> None:
    """Generate typed Python node classes from a server or a saved /object_info."""
    from ..cache_folder import cache_folder
    from ..codegen import Options
    from ..codegen.kept_package import KeptPackages
    from ..codegen.package import refuse_name

    refuse_name(out)
    given = given_schema(server, object_info) if server is not None or object_info is not None else None
    schema = given.whole() if given is not None else _of_chosen_server()
    options = Options(docs=docs, max_choices=max_choices, include=include, exclude=exclude)
    kept = KeptPackages(cache_folder(used=connection_options().get("disk_cache", True)))
    package, name = kept.generate(schema, options)
    if check:
        stale = package.stale(out)
        for path in stale:
            click.echo(f"stale: {out / path}")
        click.echo(
            f"{len(stale)} of {len(package.files)} files are stale" if stale else "all files are up to date"
        )
        say(schema)
        raise click.exceptions.Exit(PROBLEMS if stale else 0)
    changed = package.changed(out)
    package.write(out)
    kept.keep(package, name)
    lines = [f"renamed: {each}" for each in package.renamed] if verbose else _by_class(package.renamed)
    lines += [f"changed: {each}" for each in changed]
    lines += [f"skipped: {each.class_type!r:.200}: {each.message}" for each in package.skipped]
    lines.append(
        f"generated {len(package.generated)} node classes in {len(package.files)} files under {out} "
        f"(ComfyUI {schema.version_text}; {len(package.skipped)} skipped, {len(package.renamed)} renamed)"
    )
    lines.append(str(schema))
    say("\n".join(lines))


def _of_chosen_server() -> Schema:
    """The schema of the server that commands talk to where no option names one.

    Raises:
        CommandError: It does not answer.
    """
    from ..configuration import named_server
    from ..schema import load_schema

    chosen = named_server()
    try:
        return load_schema(server_url(chosen.url), **connection_options())
    except SchemaError as error:
        raise CommandError(
            f"{error} (from {chosen.by}). Say where to read the nodes from: --server URL, or "
            "--object-info FILE with a saved response to GET /object_info"
        ) from None


def _by_class(renamed: Sequence[Renamed]) -> list[str]:
    """A line for each class with names that differ in Python, those with the most first."""
    classes: dict[str, list[Renamed]] = {}
    for each in renamed:
        classes.setdefault(each.class_type or each.wire, []).append(each)
    groups = sorted(classes.values(), key=len, reverse=True)
    lines = [f"renamed: {first}{_more(len(more))}" for first, *more in groups[:_SHOWN_CLASSES]]
    hidden = groups[_SHOWN_CLASSES:]
    if hidden:
        count = sum(map(len, hidden))
        lines.append(f"renamed: {count} names in {len(hidden)} other classes; --verbose lists every one")
    return lines


def _more(count: int) -> str:
    return f", and {count} more name{'s' if count > 1 else ''} of this class" if count else ""
