"""Executing prompts: nodes in order, cached ones left out, errors as real servers tell them."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..graph.prompt import is_link
from ..json_types import is_object, object_or_empty
from ..schema import NodeSchema, Schema, unfold_inputs
from .execution_order import ExecutionOrder
from .failure import Failures, NodeFailure, continues
from .fault import WorkerKilledError
from .json_value import is_list, is_tuple
from .node_cache import CacheEntry, NodeCache
from .node_function import Blocked, InterruptedRunError, NodeContext, NodeFunction, NodeResult
from .run import Run, output_entry
from .typed_output import typed_outputs

if TYPE_CHECKING:
    from .fault import Faults
    from .folders import Folders
    from .node_function import NodeLibrary
    from .profile import Profile
    from .prompt_queue import QueueItem
    from .sockets import Sockets


@dataclass
class Settings:
    """What a simulated server is like.

    Attributes:
        profile: Which version.
        schema: Its node classes.
        library: What they do.
        folders: Its files.
        faults: What is to go wrong.
        previews: Whether pictures of unfinished work are sent unasked.
        caption: Whether simulated pictures say so.
        step_seconds: How long a sampling step takes.
    """

    profile: Profile
    schema: Schema
    library: NodeLibrary
    folders: Folders
    faults: Faults
    previews: bool = False
    caption: bool = True
    step_seconds: float = 0.0


class Executor:
    """Runs prompts one after the other, with the cache that they share."""

    def __init__(self, settings: Settings, sockets: Sockets) -> None:
        self.settings = settings
        self.sockets = sockets
        self.cache = NodeCache()
        self.interrupted = False
        self.current: Run | None = None
        self.closing = False

    def execute(self, item: QueueItem) -> tuple[Run, bool]:
        """Execute a prompt.

        Returns:
            The run, and whether it succeeded.

        Raises:
            Exception: The prompt is one that ends a real server's worker.
        """
        settings = self.settings
        self.interrupted = False
        # Before 0.14 a list or a text went through here as if it were empty, and null did not.
        client_id = item.extra_data["client_id"] if "client_id" in item.extra_data else None  # noqa: SIM401
        run = Run(item, self.sockets, settings.profile.progress_interval, client_id)
        run.summarized = settings.profile.node_failure_policy
        self.current = run
        run.tell("execution_start", {"prompt_id": run.prompt_id})
        settings.faults.before_run(item)
        prompt = item.prompt
        self.cache.set_prompt(
            prompt,
            lambda node_id: self._fingerprint(run, node_id),
            lambda node_id: self._knows_its_id(prompt, node_id),
        )
        cached = [node_id for node_id in prompt if self.cache.get(node_id) is not None]
        run.tell("execution_cached", {"nodes": cached, "prompt_id": run.prompt_id})
        success = self._run_all(run)
        self.current = None
        return run, success

    def _run_all(self, run: Run) -> bool:
        prompt = run.item.prompt
        order = ExecutionOrder(
            prompt,
            lambda node_id: self.cache.get(node_id) is not None,
            lambda node_id, name: self._is_lazy(prompt, node_id, name),
            lambda node_id: self._schema(prompt, node_id).is_output_node,
        )
        for node_id in run.item.outputs:
            order.add(node_id)
        survives = self.settings.profile.node_failure_policy and continues(run.item.secrets)
        failures = Failures()
        while order:
            chosen = order.next()
            if chosen is None:
                self._tell_cycle(run, order.cycle())
                # Before the policy came, a server forgot that a run had ended so.
                return not self.settings.profile.node_failure_policy
            try:
                if self._step(run, order, chosen):
                    order.done(chosen)
                    if chosen in run.item.outputs:
                        failures.outputs.add(chosen)
            except NodeFailure as failure:
                if not (survives and failure.is_survivable):
                    self._tell_failure(run, failure)
                    return False
                self._tell_node_failure(run, failure)
                failures.add(failure, failure.node_id)
                self._drop(run, order, failures, chosen, failed=True)
            for node_id in order.doomed():
                self._drop(run, order, failures, node_id)
        self._tell_intermediate(run)
        return self._tell_end(run, failures)

    def _drop(
        self, run: Run, order: ExecutionOrder, failures: Failures, node_id: str, failed: bool = False
    ) -> None:
        """Leave out a node, because it failed or cannot be had, and all that depend on it."""
        for dropped in order.drop(node_id):
            if failed and dropped == node_id:
                run.finished(dropped, "error")
                continue
            run.finished(dropped, "blocked")
            failures.blocked.add(dropped)
            if dropped in run.item.outputs:
                failures.blocked_outputs.add(dropped)

    def _tell_end(self, run: Run, failures: Failures) -> bool:
        """Say how a run ended in which all was executed that could be; whether it succeeded."""
        if failures.last is None:
            run.tell("execution_success", {"prompt_id": run.prompt_id})
            return True
        run.summary = failures.summary()
        if not failures.outputs:
            self._tell_failure(run, failures.last)
            return False
        run.tell("execution_success", {"prompt_id": run.prompt_id, **run.summary})
        return True

    def _step(self, run: Run, order: ExecutionOrder, node_id: str) -> bool:
        """Execute a node, or ask for lazy inputs that it needs; whether it is done."""
        cached = self.cache.get(node_id)
        if cached is not None:
            self._tell_cached(run, node_id, cached)
            run.finished(node_id)
            return True
        inputs: dict[str, list[Any]] | None = None
        in_node = False
        try:
            run.started(node_id)
            inputs, missing = self._inputs(run, order, node_id)
            in_node = True
            needed = self._lazy_needs(run, node_id, inputs, missing)
            in_node = False
            if needed:
                for name in needed:
                    order.require(node_id, name)
                return False
            in_node = True
            entry = self._execute_node(run, node_id, inputs)
        except Exception as error:
            raise NodeFailure(node_id, error, inputs, in_node) from error
        self.cache.set(node_id, entry)
        run.finished(node_id)
        run.executed.append(node_id)
        return True

    def _execute_node(self, run: Run, node_id: str, inputs: dict[str, list[Any]]) -> CacheEntry:
        schema = self._schema(run.item.prompt, node_id)
        function = self.settings.library.get(schema.class_type)
        context = self._context(run, node_id, schema)
        results: list[NodeResult] = []
        whole = schema.is_input_list or (function is not None and function.takes_lists)
        for values in _zipped(inputs, whole):
            self.throw_if_interrupted()
            self.settings.faults.before_node(context)
            blocked = next((value for value in values.values() if isinstance(value, Blocked)), None)
            if blocked is not None and not whole:
                results.append(self._blocked(run, node_id, schema, blocked))
                continue
            results.append(self._call(function, context, schema, values))
        ui = _merged_ui(results)
        if ui:
            run.outputs[node_id] = output_entry(node_id, ui)
            run.gave(node_id, ui)
        return CacheEntry(_merged_outputs(results, schema), run.outputs.get(node_id))

    def _call(
        self, function: NodeFunction | None, context: NodeContext, schema: NodeSchema, values: dict[str, Any]
    ) -> NodeResult:
        if function is None:
            _refuse_unknown(schema, values)
            return typed_outputs(context, values)
        nested = _nested(schema, values)
        given = {**nested, "context": context} if function.wants_context else nested
        returned = function.call(**given)
        if inspect.iscoroutine(returned):
            returned = asyncio.run(returned)
        return _as_result(returned)

    def _blocked(self, run: Run, node_id: str, schema: NodeSchema, blocked: Blocked) -> NodeResult:
        if blocked.message is not None:
            data = {
                "prompt_id": run.prompt_id,
                "node_id": node_id,
                "node_type": schema.class_type,
                "executed": list(run.executed),
                "exception_message": f"Execution Blocked: {blocked.message}",
                "exception_type": "ExecutionBlocked",
                "traceback": [],
                "current_inputs": [],
                "current_outputs": [],
            }
            self.sockets.send("execution_error", data, run.client_id)
        return NodeResult(tuple(Blocked() for _ in schema.outputs))

    def _context(self, run: Run, node_id: str, schema: NodeSchema) -> NodeContext:
        def progress(value: float, total: float, picture: Any) -> None:
            self.throw_if_interrupted()
            run.advanced(node_id, value, total, picture, schema.is_output_node)

        settings = self.settings
        return NodeContext(
            node_id=node_id,
            schema=schema,
            prompt_id=run.prompt_id,
            prompt=run.item.prompt,
            extra_data={**object_or_empty(run.item.extra_data), **run.item.secrets},
            folders=settings.folders,
            previews=self._previews(run),
            caption=settings.caption,
            step_seconds=settings.step_seconds,
            progress=progress,
            text=lambda text: run.showed(node_id, text),
            sleep=self.sleep,
        )

    def _previews(self, run: Run) -> bool:
        method = object_or_empty(run.item.extra_data).get("preview_method")
        if self.settings.profile.preview_method and method in ("latent2rgb", "taesd", "auto"):
            return True
        return self.settings.previews and not (self.settings.profile.preview_method and method == "none")

    def sleep(self, seconds: float) -> None:
        """Wait inside a node; an interrupt or the server's end cuts it short."""
        until = time.monotonic() + seconds
        while True:
            self.throw_if_interrupted()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.01))

    def rest(self, seconds: float) -> None:
        """Wait between prompts, when there is nothing to interrupt."""
        until = time.monotonic() + seconds
        while not self.closing and time.monotonic() < until:
            time.sleep(min(until - time.monotonic(), 0.01) if until > time.monotonic() else 0)

    def throw_if_interrupted(self) -> None:
        """Raise, once, where somebody asked the running prompt to stop."""
        if self.closing:
            raise WorkerKilledError
        if self.interrupted:
            self.interrupted = False
            raise InterruptedRunError

    def _inputs(self, run: Run, order: ExecutionOrder, node_id: str) -> tuple[dict[str, list[Any]], set[str]]:
        """A node's values by name: constants that its class declares, and all links.

        Returns:
            The values, and the names of those lazy inputs which are None for now.
        """
        node = run.item.prompt[node_id]
        schema = self._schema(run.item.prompt, node_id)
        given: Mapping[str, Any] = node["inputs"]
        declared = {entry.name for entry in unfold_inputs(schema.inputs, given)}
        values: dict[str, list[Any]] = {}
        missing: set[str] = set()
        for name, value in given.items():
            if is_link(value):
                entry = self.cache.get(value[0]) if order.is_linked(value[0], node_id) else None
                values[name] = [None] if entry is None else entry.outputs[int(value[1])]
                if entry is None:
                    missing.add(name)
            elif name in declared:
                values[name] = [value]
        return values, missing

    def _lazy_needs(
        self, run: Run, node_id: str, inputs: dict[str, list[Any]], missing: set[str]
    ) -> list[str]:
        prompt = run.item.prompt
        schema = self._schema(prompt, node_id)
        function = self.settings.library.get(schema.class_type)
        if function is None or function.needs is None:
            return []
        wanted: dict[str, None] = {}
        for values in _zipped(inputs, schema.is_input_list):
            wanted.update(dict.fromkeys(function.needs(values)))
        return [name for name in wanted if name in missing or name not in inputs]

    def _fingerprint(self, run: Run, node_id: str) -> Any:
        node = run.item.prompt[node_id]
        function = self.settings.library.get(node["class_type"])
        if function is None or function.fingerprint is None:
            return False
        if "is_changed" not in node:
            constants = {name: value for name, value in node["inputs"].items() if not is_link(value)}
            context = self._context(run, node_id, self._schema(run.item.prompt, node_id))
            try:
                node["is_changed"] = [function.fingerprint(context, constants)]
            except (OSError, ValueError, TypeError, KeyError):
                node["is_changed"] = float("nan")
        return node["is_changed"]

    def _knows_its_id(self, prompt: Mapping[str, Any], node_id: str) -> bool:
        return "UNIQUE_ID" in self._schema(prompt, node_id).hidden_types

    def _is_lazy(self, prompt: Mapping[str, Any], node_id: str, name: str) -> bool:
        schema = self._schema(prompt, node_id)
        entry = schema.by_name.get(name)
        return entry is not None and entry.options.get("lazy") is True

    def _schema(self, prompt: Mapping[str, Any], node_id: str) -> NodeSchema:
        return self.settings.schema[prompt[node_id]["class_type"]]

    def _tell_cached(self, run: Run, node_id: str, cached: CacheEntry) -> None:
        counted = run.client_id is not None or self.settings.profile.cached_outputs_without_client
        run.gave(node_id, cached.ui["output"] if cached.ui is not None else None)
        if cached.ui is not None and counted:
            run.outputs[node_id] = cached.ui

    def _tell_intermediate(self, run: Run) -> None:
        if not self.settings.profile.intermediate_outputs:
            return
        for node_id in run.item.prompt:
            if node_id in run.executed or not self._schema(run.item.prompt, node_id).has_intermediate_output:
                continue
            cached = self.cache.get(node_id)
            if cached is not None:
                self._tell_cached(run, node_id, cached)

    def _tell_node_failure(self, run: Run, failure: NodeFailure) -> None:
        data = {
            "prompt_id": run.prompt_id,
            "node_id": failure.node_id,
            "display_node_id": failure.node_id,
            "node_type": self._schema(run.item.prompt, failure.node_id).class_type,
            **failure.told(),
        }
        run.tell("execution_node_error", data)

    def _tell_failure(self, run: Run, failure: NodeFailure) -> None:
        schema = self._schema(run.item.prompt, failure.node_id)
        data: dict[str, Any] = {
            "prompt_id": run.prompt_id,
            "node_id": failure.node_id,
            "node_type": schema.class_type,
            "executed": list(run.executed),
        }
        if failure.interrupted:
            run.tell("execution_interrupted", data, broadcast=True)
            return
        data |= {**failure.told(), "current_outputs": list(run.item.prompt)}
        run.tell("execution_error", data)

    def _tell_cycle(self, run: Run, nodes: list[str]) -> None:
        data = {
            "prompt_id": run.prompt_id,
            "node_id": nodes[0],
            "node_type": self._schema(run.item.prompt, nodes[0]).class_type,
            "executed": list(run.executed),
            "exception_message": "Dependency cycle detected",
            "exception_type": "graph.DependencyCycleError",
            "traceback": [],
            "current_inputs": [],
            "current_outputs": list(run.item.prompt),
        }
        run.tell("execution_error", data)


def _zipped(inputs: dict[str, list[Any]], whole: bool) -> Iterable[dict[str, Any]]:
    """The inputs of each execution: lists side by side, the last value of short ones again."""
    if whole:
        return [dict(inputs)]
    count = max((len(values) for values in inputs.values()), default=1)
    if any(not values for values in inputs.values()):
        count = 0
    return (
        {name: values[min(index, len(values) - 1)] for name, values in inputs.items()}
        for index in range(count)
    )


def _nested(schema: NodeSchema, values: dict[str, Any]) -> dict[str, Any]:
    """Values under dotted names, as the nested ones that node functions take."""
    dynamic = {entry.name for entry in schema.inputs if entry.is_dynamic}
    if not dynamic:
        return values
    nested: dict[str, Any] = {name: {} for name in dynamic if any(k.startswith(f"{name}.") for k in values)}
    for name, value in values.items():
        parts = name.split(".")
        if parts[0] not in dynamic:
            nested[name] = value
        elif len(parts) == 1:
            nested.setdefault(name, {})[name] = value
        else:
            place = nested
            for part in parts[:-1]:
                place = place.setdefault(part, {})
            place[parts[-1]] = value
    return nested


def _refuse_unknown(schema: NodeSchema, values: dict[str, Any]) -> None:
    declared = {entry.name for entry in unfold_inputs(schema.inputs, values)}
    for name in values:
        if name not in declared and name.split(".", 1)[0] not in schema.by_name:
            raise TypeError(f"{schema.class_type} got an unexpected keyword argument {name!r}")


def _as_result(returned: Any) -> NodeResult:
    if isinstance(returned, NodeResult):
        return returned
    if is_object(returned) and returned and set(returned) <= {"ui", "result"}:
        return NodeResult(tuple(returned.get("result", ())), returned.get("ui"))
    if is_tuple(returned):
        return NodeResult(returned)
    return NodeResult(() if returned is None else (returned,))


def _merged_outputs(results: list[NodeResult], schema: NodeSchema) -> list[list[Any]]:
    merged: list[list[Any]] = []
    for output in schema.outputs:
        column = [result.outputs[output.index] for result in results if output.index < len(result.outputs)]
        merged.append(
            [value for part in column if is_list(part) for value in part] if output.is_list else column
        )
    return merged


def _merged_ui(results: list[NodeResult]) -> dict[str, Any]:
    shown = [result.ui for result in results if result.ui]
    if not shown:
        return {}
    return {key: [value for ui in shown for value in ui[key]] for key in shown[0]}
