"""Prompts: sent, queued, remembered, stopped; and the socket that reports them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ...json_types import object_or_empty
from ..failure import CONTINUE_INDEPENDENT, FAIL_FAST, HIDDEN_POLICY_KEY, POLICIES, POLICY_KEY, Faults
from ..instance import ServerInstance, instance_of, simulator_of
from ..profile import Profile
from ..prompt_queue import SECRET_KEYS, QueueItem
from ..validation import apply_replacements, check_prompt
from .job_routes import is_job_id

ROUTES = web.RouteTableDef()


@ROUTES.get("/ws")
async def get_socket(request: web.Request) -> web.WebSocketResponse:
    """The event stream."""
    return await instance_of(request).sockets.handle(request)


@ROUTES.get("/prompt")
async def get_prompt(request: web.Request) -> web.Response:
    """How many prompts are left."""
    return web.json_response(instance_of(request).status())


@ROUTES.post("/prompt")
async def post_prompt(request: web.Request) -> web.Response:
    """Queue a prompt."""
    simulator, instance = simulator_of(request), instance_of(request)
    instance.log("got prompt")
    body = await request.json()
    front = "front" in body and bool(body["front"])
    number = float(body["number"]) if "number" in body else instance.next_number(front)
    if "prompt" not in body:
        return _refused("no_prompt", "No prompt provided", "No prompt provided")
    prompt_id = _prompt_id(body, simulator.profile.uuid_ids)
    if prompt_id is None:
        details = "prompt_id must be a canonical lowercase UUID with hyphens; leave it out to get one"
        return _refused("invalid_prompt_id", "prompt_id must be a valid UUID", details)
    policy = _failure_policy(body, simulator.profile)
    if policy not in POLICIES:
        message = "node_failure_policy must be 'fail_fast' or 'continue_independent'"
        return _refused("invalid_node_failure_policy", message, f"Invalid node_failure_policy: {policy!r}")
    injected = simulator.faults.take_rejection()
    if injected is not None:
        return web.json_response(injected, status=400)
    if simulator.profile.jobs:
        apply_replacements(body["prompt"], simulator.node_replacements, simulator.schema)
    verdict = check_prompt(simulator, body["prompt"], body.get("partial_execution_targets"))
    extra_data = body.get("extra_data", {})
    if "client_id" in body:
        extra_data["client_id"] = body["client_id"]
    if not verdict.outputs:
        return web.json_response({"error": verdict.error, "node_errors": verdict.node_errors}, status=400)
    secrets = _taken_out(simulator.profile, extra_data, request.headers.get("Comfy-Usage-Source"))
    if simulator.profile.node_failure_policy:
        extra_data.pop(HIDDEN_POLICY_KEY, None)
        if policy == CONTINUE_INDEPENDENT:
            secrets[HIDDEN_POLICY_KEY] = policy
    simulator.received(body, prompt_id)
    outputs = verdict.outputs if simulator.output_order is None else simulator.output_order(verdict.outputs)
    instance.queue.put(QueueItem(number, prompt_id, verdict.prompt, extra_data, outputs, secrets))
    await _spoil_reply(request, simulator.faults)
    return web.json_response({"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors})


def _taken_out(profile: Profile, extra_data: Any, usage_source: str | None) -> dict[str, Any]:
    """The API keys, taken out of the extra data; and the server's own additions put in."""
    if not profile.secrets_hidden:
        return {}
    if usage_source and "comfy_usage_source" not in extra_data:
        extra_data["comfy_usage_source"] = usage_source
    secrets = {key: extra_data.pop(key) for key in SECRET_KEYS if key in extra_data}
    extra_data["create_time"] = int(time.time() * 1000)
    return secrets


def _failure_policy(body: Mapping[str, Any], profile: Profile) -> object:
    """What is to happen when a node fails.

    The pull request has it beside the prompt. In ``extra_data``, where its first form had it, it is
    read too, but never a reason to refuse a prompt.
    """
    if not profile.node_failure_policy:
        return FAIL_FAST
    policy = body.get(POLICY_KEY)
    if policy is None:
        found = object_or_empty(body.get("extra_data")).get(POLICY_KEY)
        policy = found if found == CONTINUE_INDEPENDENT else FAIL_FAST
    return policy


async def _spoil_reply(request: web.Request, faults: Faults) -> None:
    """What a test wants to happen to the answer to a prompt that is queued already."""
    if faults.reply_delay:
        await asyncio.sleep(faults.reply_delay)
    if faults.take_lost_reply() and request.transport is not None:
        request.transport.abort()
    if faults.take_server_error():
        raise RuntimeError("a test asked for this")


def _prompt_id(body: dict[str, Any], uuid_only: bool) -> str | None:
    """The prompt's id: the client's or a new one; None if the server refuses it."""
    if not uuid_only:
        return str(body.get("prompt_id", uuid.uuid4()))
    wanted = body.get("prompt_id")
    if wanted is None:
        return str(uuid.uuid4())
    return wanted if is_job_id(wanted) else None


def _refused(kind: str, message: str, details: str) -> web.Response:
    error: dict[str, Any] = {"type": kind, "message": message, "details": details, "extra_info": {}}
    return web.json_response({"error": error, "node_errors": {}}, status=400)


@ROUTES.get("/queue")
async def get_queue(request: web.Request) -> web.Response:
    """What runs and what waits."""
    instance = instance_of(request)
    hidden = simulator_of(request).profile.secrets_hidden
    running, pending = instance.queue.snapshot()
    return web.json_response(
        {
            "queue_running": [item.to_json(hidden) for item in running],
            "queue_pending": [item.to_json(hidden) for item in pending],
        }
    )


@ROUTES.post("/queue")
async def post_queue(request: web.Request) -> web.Response:
    """Forget prompts that wait."""
    queue, body = instance_of(request).queue, await request.json()
    if body.get("clear"):
        queue.clear()
    for prompt_id in body.get("delete", ()):
        queue.delete(prompt_id)
    return web.Response()


@ROUTES.get("/history")
async def get_history(request: web.Request) -> web.Response:
    """What ran."""
    limit, offset = request.query.get("max_items"), request.query.get("offset")
    entries = instance_of(request).queue.history(
        int(limit) if limit is not None else None, int(offset) if offset is not None else -1
    )
    return web.json_response(entries)


@ROUTES.get("/history/{prompt_id}")
async def get_history_entry(request: web.Request) -> web.Response:
    """What one prompt gave; an empty object where it is unknown."""
    prompt_id = request.match_info["prompt_id"]
    entry = instance_of(request).queue.entry(prompt_id)
    return web.json_response({} if entry is None else {prompt_id: entry})


@ROUTES.post("/history")
async def post_history(request: web.Request) -> web.Response:
    """Forget what ran."""
    queue, body = instance_of(request).queue, await request.json()
    if body.get("clear"):
        queue.clear_history()
    for prompt_id in body.get("delete", ()):
        queue.delete_history(prompt_id)
    return web.Response()


@ROUTES.post("/interrupt")
async def post_interrupt(request: web.Request) -> web.Response:
    """Stop what runs, or only if it is the prompt named."""
    instance = instance_of(request)
    body: Any = {}
    with contextlib.suppress(json.JSONDecodeError):
        body = await request.json()
    prompt_id = body.get("prompt_id")
    if not prompt_id or _runs(instance, prompt_id):
        instance.interrupt()
    return web.Response()


def _runs(instance: ServerInstance, prompt_id: object) -> bool:
    return instance.queue.is_running(prompt_id)


@ROUTES.post("/free")
async def post_free(request: web.Request) -> web.Response:
    """Unload models; with ``free_memory`` forget cached outputs too."""
    queue, body = instance_of(request).queue, await request.json()
    for flag in ("unload_models", "free_memory"):
        if body.get(flag, False):
            queue.set_flag(flag, True)
    return web.Response()
