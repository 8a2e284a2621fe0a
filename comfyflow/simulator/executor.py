"""Executing prompts: nodes in order, cached ones left out, errors as real servers tell them."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..graph.prompt import is_link
from ..json_types import object_or_empty
from ..schema import NodeSchema, Schema, unfold_inputs
from .execution_order import ExecutionOrder
from .failure import FailedNodes, NodeFailure, WorkerKilledError, continues
from .node_cache import CacheEntry, NodeCache
from .node_function import Blocked, Execution, InterruptedRunError, NodeContext, NodeFunction, NodeResult
from .node_result import (
    as_result,
    merged_outputs,
    merged_ui,
    nested_values,
    refuse_undeclared,
    typed_outputs,
    zipped,
)
from .run import PromptRun

if TYPE_CHECKING:
    from .failure import Faults
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
        caption: Whether simulated images get a caption that names them simulated.
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
        self.cache: Final = NodeCache()
        self.interrupted: bool = False
        self.current: PromptRun | None = None
        self.closing = False

    def execute(self, item: QueueItem) -> tuple[PromptRun, bool]:
        """Execute a prompt.

        Returns:
            The run, and whether it succeeded.

        Raises:
            Exception: The prompt is one that ends a real server's worker.
        """
        settings = self.settings
        self.interrupted = False
        # Before 0.14 a list or a string went through here as if it were empty, and null did not.
        client_id = item.extra_data["client_id"] if "client_id" in item.extra_data else None  # noqa: SIM401
        run = PromptRun(item, self.sockets, settings.profile.progress_interval, client_id)
        run.summarized = settings.profile.node_failure_policy
        self.current = run
        run.tell("execution_start", {"prompt_id": run.prompt_id})
        settings.faults.before_run(item)
        self.cache.set_prompt(
            item.prompt,
            lambda node_id: self._fingerprint(run, node_id),
            lambda node_id: "UNIQUE_ID" in self._schema(run, node_id).hidden_types,
        )
        cached = [node_id for node_id in item.prompt if self.cache.get(node_id) is not None]
        run.tell("execution_cached", {"nodes": cached, "prompt_id": run.prompt_id})
        success = self._run_all(run)
        self.current = None
        return run, success

    def _run_all(self, run: PromptRun) -> bool:
        profile = self.settings.profile
        order = run.order = ExecutionOrder(
            run.prompt,
            lambda node_id: self.cache.get(node_id) is not None,
            lambda node_id, name: self._is_lazy(run, node_id, name),
            lambda node_id: self._schema(run, node_id).is_output_node,
            spares_cached=profile.loops,
        )
        for node_id in run.item.outputs:
            order.add(node_id)
        survives = profile.node_failure_policy and continues(run.item.secrets)
        failures = FailedNodes()
        while order:
            chosen = order.next()
            if chosen is None and failures.last is not None and order.held():
                for node_id in order.held():  # nothing is left that could release them
                    self._drop(run, failures, node_id)
                continue
            if chosen is None:
                self._tell_cycle(run, order.cycle())
                # Before the policy came, a server forgot that a run had ended so.
                return not profile.node_failure_policy
            try:
                if self._step(run, order, chosen):
                    order.done(chosen)
                    if self._is_wanted(run, chosen):
                        failures.outputs.add(run.prompt.display(chosen))
            except NodeFailure as failure:
                if not (survives and failure.is_survivable):
                    self._tell_failure(run, failure)
                    return False
                self._tell_node_failure(run, failure)
                failures.add(failure, run.prompt.real(failure.node_id))
                self._drop(run, failures, chosen, failed=True)
            for node_id in order.doomed():
                self._drop(run, failures, node_id)
        self._tell_intermediate(run)
        return self._tell_end(run, failures)

    def _is_wanted(self, run: PromptRun, node_id: str) -> bool:
        """Whether a node is an output that was asked for, or a copy of one within a loop."""
        if node_id in run.item.outputs:
            return True
        return run.prompt.display(node_id) in run.item.outputs and self._schema(run, node_id).is_output_node

    def _drop(self, run: PromptRun, failures: FailedNodes, node_id: str, failed: bool = False) -> None:
        """Leave out a node, because it failed or is not available, and all that depend on it."""
        for dropped in run.order.drop(node_id):
            parent = run.prompt.parent(dropped)
            while parent is not None:  # what it stands for is not all there
                run.incomplete.add(parent)
                parent = run.prompt.parent(parent)
            if failed and dropped == node_id:
                run.finished(dropped, "error")
                continue
            run.finished(dropped, "blocked")
            failures.blocked.add(run.prompt.real(dropped))
            if self._is_wanted(run, dropped):
                failures.blocked_outputs.add(run.prompt.display(dropped))

    def _tell_end(self, run: PromptRun, failures: FailedNodes) -> bool:
        """Say how a run ended in which all was executed that could be; whether it succeeded."""
        for node_id in run.incomplete:
            self.cache.forget(node_id)
        if failures.last is None:
            run.tell("execution_success", {"prompt_id": run.prompt_id})
            return True
        run.summary = failures.summary()
        if not failures.outputs:
            self._tell_failure(run, failures.last)
            return False
        run.tell("execution_success", {"prompt_id": run.prompt_id, **run.summary})
        return True

    def _step(self, run: PromptRun, order: ExecutionOrder, node_id: str) -> bool:
        """Execute a node, or ask for lazy inputs that it needs; whether it is done."""
        cached = self.cache.get(node_id)
        if cached is not None:
            self._tell_cached(run, node_id, cached)
            run.finished(node_id)
            return True
        if node_id in run.expanded:
            self._finish(run, node_id, self._collected(run, node_id))
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
            results = self._execute_node(run, node_id, inputs)
            in_node = False
            self._show(run, node_id, results)
            if any(result.expand is not None for result in results):
                self._expand(run, order, node_id, results)
                return False
        except Exception as error:
            raise NodeFailure(node_id, error, inputs, in_node) from error
        self._finish(run, node_id, results)
        return True

    def _finish(self, run: PromptRun, node_id: str, results: list[NodeResult]) -> None:
        outputs = merged_outputs(results, self._schema(run, node_id))
        self.cache.set(node_id, CacheEntry(outputs, run.outputs.get(node_id)))
        run.finished(node_id)
        run.executed.append(node_id)

    def _show(self, run: PromptRun, node_id: str, results: list[NodeResult]) -> None:
        ui = merged_ui(results)
        if ui:
            run.outputs[node_id] = run.output_entry(node_id, ui)
            run.gave(node_id, ui)

    def _expand(self, run: PromptRun, order: ExecutionOrder, node_id: str, results: list[NodeResult]) -> None:
        """Add the nodes that one has expanded into; it is done when they are."""
        new: dict[str, Any] = {}
        for result in results:
            new.update(result.expand or {})
        for new_id, node in new.items():
            run.prompt.add(new_id, dict(node), node_id)
        self.cache.expand(run.prompt, node_id, new)
        run.expanded[node_id] = results
        for new_id in new:
            if self._schema(run, new_id).is_output_node:
                order.add(new_id)
        for result in results:
            for value in result.outputs if result.expand is not None else ():
                if is_link(value):
                    order.link(value[0], node_id)

    def _collected(self, run: PromptRun, node_id: str) -> list[NodeResult]:
        """What a node gives, once the nodes in its place have given theirs."""

        def values(value: Any) -> list[Any]:
            entry = self.cache.get(value[0]) if is_link(value) else None
            return [value] if entry is None else entry.outputs[int(value[1])]

        return [
            NodeResult(tuple(one for value in result.outputs for one in values(value)))
            if result.expand is not None
            else result
            for result in run.expanded.pop(node_id)
        ]

    def _execute_node(self, run: PromptRun, node_id: str, inputs: dict[str, list[Any]]) -> list[NodeResult]:
        schema = self._schema(run, node_id)
        function = self.settings.library.get(schema.class_type)
        context = self._context(run, node_id, schema)
        results: list[NodeResult] = []
        whole = schema.is_input_list or (function is not None and function.takes_lists)
        for values in zipped(inputs, whole):
            self.throw_if_interrupted()
            self.settings.faults.before_node(context)
            blocked = next((value for value in values.values() if isinstance(value, Blocked)), None)
            if blocked is not None and not whole:
                results.append(self._blocked(run, node_id, schema, blocked))
                continue
            results.append(self._call(function, context, schema, values))
        return results

    def _call(
        self, function: NodeFunction | None, context: NodeContext, schema: NodeSchema, values: dict[str, Any]
    ) -> NodeResult:
        if function is None:
            refuse_undeclared(schema, values)
            return typed_outputs(context, values)
        nested = nested_values(schema, values)
        given = {**nested, "context": context} if function.wants_context else nested
        returned = function.call(**given)
        if inspect.iscoroutine(returned):
            returned = asyncio.run(returned)
        return as_result(returned)

    def _blocked(self, run: PromptRun, node_id: str, schema: NodeSchema, blocked: Blocked) -> NodeResult:
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

    def _context(self, run: PromptRun, node_id: str, schema: NodeSchema) -> NodeContext:
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
            display_id=run.prompt.display(node_id),
            execution=Execution(run.prompt, run.order, run.showed),
        )

    def _previews(self, run: PromptRun) -> bool:
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
        while not self.closing and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.01))

    def throw_if_interrupted(self) -> None:
        """Raise, once, where someone asked the running prompt to stop."""
        if self.closing:
            raise WorkerKilledError
        if self.interrupted:
            self.interrupted = False
            raise InterruptedRunError

    def _inputs(
        self, run: PromptRun, order: ExecutionOrder, node_id: str
    ) -> tuple[dict[str, list[Any]], set[str]]:
        """A node's values by name: constants that its class declares, and all links.

        Returns:
            The values, and the names of those lazy inputs which are None for now.
        """
        node = run.prompt[node_id]
        schema = self._schema(run, node_id)
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
        self, run: PromptRun, node_id: str, inputs: dict[str, list[Any]], missing: set[str]
    ) -> list[str]:
        schema = self._schema(run, node_id)
        function = self.settings.library.get(schema.class_type)
        if function is None or function.needs is None:
            return []
        wanted: dict[str, None] = {}
        for values in zipped(inputs, schema.is_input_list):
            wanted.update(dict.fromkeys(function.needs(values)))
        return [name for name in wanted if name in missing or name not in inputs]

    def _fingerprint(self, run: PromptRun, node_id: str) -> Any:
        node = run.prompt[node_id]
        function = self.settings.library.get(node["class_type"])
        if function is None or function.fingerprint is None:
            return False
        if "is_changed" not in node:
            constants = {name: value for name, value in node["inputs"].items() if not is_link(value)}
            context = self._context(run, node_id, self._schema(run, node_id))
            try:
                node["is_changed"] = [function.fingerprint(context, constants)]
            except (OSError, ValueError, TypeError, KeyError):
                node["is_changed"] = float("nan")
        return node["is_changed"]

    def _is_lazy(self, run: PromptRun, node_id: str, name: str) -> bool:
        schema = self._schema(run, node_id)
        entry = schema.by_name.get(name)
        if entry is None and self.settings.profile.loops:  # since then, also within dynamic inputs
            inputs = unfold_inputs(schema.inputs, run.prompt[node_id]["inputs"])
            entry = next((inner for inner in inputs if inner.name == name), None)
        return entry is not None and entry.options.get("lazy") is True

    def _schema(self, run: PromptRun, node_id: str) -> NodeSchema:
        return self.settings.schema[run.prompt[node_id]["class_type"]]

    def _tell_cached(self, run: PromptRun, node_id: str, cached: CacheEntry) -> None:
        counted = run.client_id is not None or self.settings.profile.cached_outputs_without_client
        run.gave(node_id, cached.ui["output"] if cached.ui is not None else None)
        if cached.ui is not None and counted:
            run.outputs[node_id] = cached.ui

    def _tell_intermediate(self, run: PromptRun) -> None:
        if not self.settings.profile.intermediate_outputs:
            return
        for node_id in run.prompt:
            if node_id in run.executed or not self._schema(run, node_id).has_intermediate_output:
                continue
            cached = self.cache.get(node_id)
            if cached is not None:
                self._tell_cached(run, node_id, cached)

    def _tell_node_failure(self, run: PromptRun, failure: NodeFailure) -> None:
        real, display = run.prompt.real(failure.node_id), run.prompt.display(failure.node_id)
        shown = display if display in run.prompt else real
        data = {
            "prompt_id": run.prompt_id,
            "node_id": real,
            "display_node_id": shown,
            "node_type": run.prompt[shown]["class_type"],
            **failure.told(),
        }
        run.tell("execution_node_error", data)

    def _tell_failure(self, run: PromptRun, failure: NodeFailure) -> None:
        real = run.prompt.real(failure.node_id)
        data: dict[str, Any] = {
            "prompt_id": run.prompt_id,
            "node_id": real,
            "node_type": run.prompt[real]["class_type"],
            "executed": list(run.executed),
        }
        if failure.interrupted:
            run.tell("execution_interrupted", data, broadcast=True)
            return
        data |= {**failure.told(), "current_outputs": list(run.item.prompt)}
        run.tell("execution_error", data)

    def _tell_cycle(self, run: PromptRun, nodes: list[str]) -> None:
        copies = (run.prompt.display(node_id) for node_id in nodes if run.prompt.display(node_id) != node_id)
        blamed = next(copies, nodes[0])
        data = {
            "prompt_id": run.prompt_id,
            "node_id": blamed,
            "node_type": run.prompt[blamed]["class_type"],
            "executed": list(run.executed),
            "exception_message": "Dependency cycle detected",
            "exception_type": "graph.DependencyCycleError",
            "traceback": [],
            "current_inputs": [],
            "current_outputs": list(run.item.prompt),
        }
        run.tell("execution_error", data)
