"""``comfyflow run``: run a workflow on a server, and save its files."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..annotation import Annotation
from ..batch.columns import SEED_NAMES
from ..batch.input_columns import names_of_nodes, nodes_called
from ..errors import CommandError, SchemaError
from ..graph import Graph
from ..graph.prompt import read_nodes
from ..json_types import is_object
from ..named_inputs import find_input
from ..nearest import did_you_mean
from ..source import Converting, Source, prompt_classes
from . import INTERRUPTED
from .connection import connected, server_classes
from .ending import ended, follow, write_result
from .options import (
    PATH,
    converting_options,
    given_schema,
    partner_api_key_option,
    reference_schema,
    server_option,
    timeout_option,
)
from .sending import Dispatch, detached_client_id, refuse_waiting
from .target import find_workflow, load_target
from .workflow_command import WorkflowCommand, target_argument

if TYPE_CHECKING:
    from ..client.options import NodeFailurePolicy, RunOptions
    from ..client_options import ClientOptions
    from ..schema import Schema


_POLICIES: Final = ("continue_independent",)
"""`NodeFailurePolicy`, without the client, which ``--help`` does not need."""


@click.command("run", cls=WorkflowCommand)
@target_argument
@server_option
@partner_api_key_option
@click.option("--simulate", is_flag=True, help="Run it on the built-in simulator.")
@click.option(
    "--object-info",
    metavar="FILE",
    type=PATH,
    help="With --simulate: node classes, from a saved response to GET /object_info.",
)
@click.option("--out", metavar="DIR", type=PATH, default=Path("output"), help="The folder to write files to.")
@click.option("--set", "settings", metavar="NODE.INPUT=VALUE", multiple=True, help="Set an input's value.")
@click.option("--seed", metavar="N|random", help="Set the seed, or every seed in a prompt.")
@click.option(
    "--allow-upload",
    is_flag=True,
    help="Upload files outside the current folder that the workflow's file names.",
)
@click.option(
    "--node-failure-policy",
    "policy",
    metavar="POLICY",
    type=click.Choice(_POLICIES),
    help="When a node fails, continue_independent still runs every node that does not need it.",
)
@timeout_option
@converting_options
@click.option("--detach", is_flag=True, help="Print the prompt's id once it is queued, and do not wait.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line (with --detach, a single one)."
)
@click.option("-q", "--quiet", is_flag=True, help="Print only the files' paths.")
@click.pass_context
def run(
    context: click.Context,
    target: str,
    server: str | None,
    simulate: bool,
    object_info: Path | None,
    out: Path,
    settings: tuple[str, ...],
    seed: str | None,
    allow_upload: bool,
    policy: NodeFailurePolicy | None,
    timeout: float | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
    detach: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run a workflow and save its output files; its parameters are options: --prompt "a cat".

    TARGET is FILE.py[:NAME], prompt JSON, or another workflow; - is standard input. With --detach it
    only queues the prompt: `comfyflow wait ID` follows it and saves its files, here or on another
    machine.

    Exit codes: 0 done; 1 the workflow has problems, or the server dropped outputs; 2 it could not be
    run, or not all outputs could be downloaded; 3 it failed on the server, entirely or in some nodes
    (the outputs of the others are saved); 4 the timeout has passed; 130 Ctrl-C, and the prompt is
    cancelled; 141 the output's reader has gone.
    """
    if detach:
        refuse_waiting(context, simulate)
    if object_info is not None and not simulate:
        raise CommandError("--object-info needs --simulate: a real server reports its own classes")
    simulated = given_schema(None, object_info, None) if object_info is not None else None
    asks: Callable[[Iterable[str]], Schema] | None = None
    if simulated is not None:
        asks = partial(_these, simulated)
    elif not simulate:
        asks = partial(server_classes, server, timeout)
    loaded, used = _load(target, context.args, seed, Converting(editor, repair, asks, packs))
    loaded = set_inputs(loaded, settings)
    if out.exists() and not out.is_dir():
        raise CommandError(f"--out {out} is a file; name a folder")
    prompt_id = str(uuid.uuid4())  # chosen before it is sent: Ctrl-C may come at any time
    named: ClientOptions = {"client_id": detached_client_id(prompt_id)} if detach else {}
    with connected(server, simulate, timeout, simulated, named) as client:
        sending = Dispatch(client, loaded, prompt_id, used, as_json=as_json, quiet=quiet)
        options: RunOptions = {"allow_upload": allow_upload, "node_failure_policy": policy}
        action = sending.detach if detach else partial(_run, sending, out)
        code = ended(partial(action, options, timeout), timeout, as_json=as_json)
        if code:
            raise click.exceptions.Exit(code)


def _these(schema: Schema, _names: Iterable[str]) -> Schema:
    return schema


def _load(
    text: str, words: Sequence[str], seed: str | None, converting: Converting
) -> tuple[Source, int | None]:
    """The target with its seed: the function's own parameter, or all seeds of the prompt."""
    found = find_workflow(text) if seed is not None else None
    if seed is not None and found is not None and "seed" in found.parameters:
        limit = Annotation.of(found.typed_parameters()["seed"]).largest
        largest = LARGEST_SEED if limit is None else max(0, min(int(limit), LARGEST_SEED))
        value = str(random_seed(largest)) if seed == RANDOM else seed
        return load_target(text, [*words, "--seed", value], narrowed=True), _whole(value)
    loaded = load_target(text, words, None, converting, narrowed=True)
    if seed is None:
        return loaded, None
    return set_seeds(loaded, seed, _known_schema(loaded, converting))


def _whole(text: str) -> int | None:
    """The seed as it is displayed; None if the workflow takes something else than a number."""
    try:
        return int(text)
    except ValueError:
        return None


def _known_schema(target: Source, converting: Converting) -> Schema | None:
    try:
        own = target.own_schema()
        if own is not None:
            return own
        if converting.classes is not None and is_object(target.prompt):
            return converting.classes(prompt_classes(target.prompt))
        return reference_schema()
    except SchemaError:
        return None


def _run(sending: Dispatch, out: Path, options: RunOptions, timeout: float | None) -> int:
    end = None if timeout is None else time.monotonic() + timeout
    shown = {"as_json": sending.as_json, "quiet": sending.quiet}
    try:
        handle = sending.submit(options, timeout)
        left = None if end is None else max(end - time.monotonic(), 0.0)
        result, partial_success = follow(handle, left, **shown)
    except KeyboardInterrupt:
        sending.cancel()
        raise click.exceptions.Exit(INTERRUPTED) from None
    return write_result(sending.client, result, partial_success, out, **shown)


RANDOM: Final = "random"
LARGEST_SEED: Final = 2**63 - 1
"""Of a random seed: every node takes it that takes large ones at all."""


def random_seed(largest: int = LARGEST_SEED) -> int:
    """An unpredictable seed."""
    return secrets.randbelow(largest + 1)


def set_inputs(target: Source, settings: Sequence[str]) -> Source:
    """A target with ``NODE.INPUT=VALUE`` settings in its prompt.

    NODE is an id, a title, or a class of which there is one node. VALUE is JSON if it parses,
    else text.

    Raises:
        CommandError: There is no matching node or input, or several nodes fit.
    """
    for setting in settings:
        where, separator, text = setting.partition("=")
        node_name, dot, input_name = where.partition(".")
        if not separator or not dot:
            raise CommandError(f"--set expects NODE.INPUT=VALUE, not {setting!r}")
        graph = read_nodes(target.prompt)
        node_id, name = find_input(graph, where) or (_node(graph, node_name), input_name)
        inputs = graph[node_id].inputs
        if name not in inputs:
            hint = did_you_mean(name, inputs, f"its inputs: {', '.join(inputs) or 'none'}")
            raise CommandError(f"node #{node_id} has no input {name!r} to set; {hint}")
        target = target.with_input(node_id, name, _value(text))
    return target


def set_seeds(target: Source, text: str, schema: Schema | None) -> tuple[Source, int]:
    """A target in which every seed has the same value; ``random`` draws one.

    A seed is an INT input that the editor would change after each run
    (``control_after_generate``), or one that is called ``seed`` or ``noise_seed``.

    Returns:
        The target, and the value.

    Raises:
        CommandError: The value is not a whole number, or the prompt has no seed.
    """
    found = [
        (node_id, name, limit)
        for node_id, node in read_nodes(target.prompt).items()
        for name, value in node.inputs.items()
        if isinstance(value, int) and not isinstance(value, bool)
        if (limit := _seed_limit(schema, node.class_type, name)) is not None
    ]
    if not found:
        raise CommandError(f"{target.name} has no seed to set")
    seed = random_seed(min(limit for _, _, limit in found)) if text == RANDOM else _given_seed(text)
    for node_id, name, _ in found:
        target = target.with_input(node_id, name, seed)
    return target, seed


def _node(graph: Graph, name: str) -> str:
    fitting = nodes_called(graph, name)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise CommandError(f"{len(fitting)} nodes are named {name!r}; pick one by id: {', '.join(fitting)}")
    hint = did_you_mean(name, names_of_nodes(graph), f"node ids: {', '.join(graph)}")
    raise CommandError(f"unknown node {name!r}; {hint}")


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text


def _given_seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise CommandError(f"--seed must be an integer or {RANDOM}, not {text!r}") from None


def _seed_limit(schema: Schema | None, class_type: str, name: str) -> int | None:
    """The largest value of a seed; None if the input is not one."""
    node = schema.get(class_type) if schema is not None else None
    entry = node.by_name.get(name) if node is not None else None
    if entry is None:
        return LARGEST_SEED if name in SEED_NAMES else None
    if entry.type != "INT" or not (entry.options.get("control_after_generate") or name in SEED_NAMES):
        return None
    return min(int(entry.maximum), LARGEST_SEED) if entry.maximum is not None else LARGEST_SEED
