#!/usr/bin/env bash
# comfy-sdk's submit takes labels, a map of strings. What becomes of them behind comfy-api-proxy?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-api-proxy 0.1.6, comfy-sdk 0.5.0"
echo "guess:   the job keeps the labels and the SDK reads them back; where labels are refused, the code is the"
echo "         documented metadata_invalid or metadata_not_supported"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-api-proxy==0.1.6 comfy-sdk==0.5.0

cat > "$work/probe.py" <<'PY'
import asyncio
import os

from aiohttp import web
from comfy_api_proxy.app import make_app

PROMPT = {"1": {"class_type": "SaveImage", "inputs": {}}}


async def prompt(request):
    body = await request.json()
    return web.json_response({"prompt_id": body["prompt_id"], "number": 1, "node_errors": {}})


async def history(request):
    return web.json_response({})


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
    import httpx
    from comfy_sdk import Comfy

    with Comfy() as client:
        try:
            job = client.submit(client.workflows.from_json(PROMPT), metadata={"client": "acme"})
            print("a map: accepted, read back as", job.metadata)
        except Exception as error:
            print(f"a map: {type(error).__name__}, code {error.code}: {error}")
        answer = httpx.post(f"{url}/api/v2/jobs", json={"workflow": PROMPT, "metadata": "acme"})
        print("a string:", answer.status_code, "kept as", repr(answer.json().get("metadata")))
        print("the SDK reads it back as", [job.metadata for job in client.list_jobs()])


async def main():
    comfyui = web.Application()
    comfyui.add_routes(
        [web.post("/prompt", prompt), web.get("/history/{id}", history), web.get("/history", history),
         web.get("/queue", queue)]
    )
    url = await serve(make_app(await serve(comfyui)))
    await asyncio.to_thread(ask, url)


asyncio.run(main())
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected="a map: ComfyError, code invalid_request: 'metadata' must be a string (opaque label).
a string: 201 kept as 'acme'
the SDK reads it back as [{}]"
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
