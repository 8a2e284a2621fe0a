#!/usr/bin/env bash
# comfy-api-proxy asks ComfyUI's history and then its queue. What does it report for a job that ends in between?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-api-proxy 0.1.6, comfy-sdk 0.5.0"
echo "guess:   a job that succeeds is reported as queued, running and then succeeded; an ending is reported once"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-api-proxy==0.1.6 comfy-sdk==0.5.0

cat > "$work/probe.py" <<'PY'
import asyncio
import os
import threading

from aiohttp import web
from comfy_api_proxy.app import make_app

state = {"asked": 0, "id": ""}
PROMPT = {"1": {"class_type": "SaveImage", "inputs": {}}}


async def prompt(request):
    state["id"] = (await request.json())["prompt_id"]
    return web.json_response({"prompt_id": state["id"], "number": 1, "node_errors": {}})


async def history(request):
    """The job has ended when it is asked for the second time: it left the queue after the first."""
    state["asked"] += 1
    status = {"status_str": "success", "completed": True, "messages": []}
    entry = {"outputs": {}, "status": status}
    return web.json_response({state["id"]: entry} if state["asked"] > 1 else {})


async def queue(request):
    return web.json_response({"queue_running": [], "queue_pending": []})


async def serve(app):
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def ask(url):
    os.environ["COMFY_BASE_URL"], os.environ["COMFY_API_KEY"] = url, "none"
    from comfy_sdk import Comfy

    with Comfy() as client:
        job = client.submit(client.workflows.from_json(PROMPT))
        try:
            job.result()
            print("comfy-sdk: the job ended", job.status)
        except Exception as error:
            print("comfy-sdk:", type(error).__name__, str(error).replace(job.id, "ID"))
        print("asked once more:", job.refresh().status)


async def main():
    comfyui = web.Application()
    comfyui.add_routes([web.post("/prompt", prompt), web.get("/history/{id}", history), web.get("/queue", queue)])
    url = await serve(make_app(await serve(comfyui)))
    await asyncio.to_thread(ask, url)


asyncio.run(main())
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='comfy-sdk: JobFailed job ID ended expired
asked once more: succeeded'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
