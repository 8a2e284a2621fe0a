"""``comfyflow nodes``: find a node class, or look at one."""

from __future__ import annotations

from pathlib import Path

import click

from . import PROBLEMS
from .options import given_schema, reference_schema, schema_options
from .plain_text import say


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
