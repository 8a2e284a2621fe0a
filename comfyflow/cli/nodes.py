"""``comfyflow nodes``: find a node class, or look at one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..generated import STUBS
from . import PROBLEMS
from .options import given_schema, reference_schema, schema_options
from .plain_text import say

if TYPE_CHECKING:
    from ..schema import Schema


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

    name, differ = python_names(schema[class_type], [schema[known] for known in sorted(schema)])
    if package is not None:
        yield f"in Python: from {package} import {name}"
    else:
        yield f"in Python: {name}, in the package that comfyflow gen-stubs writes"
    for entry in differ:
        yield f"  {entry.kind} {entry.wire} is {entry.name}"
