#!/usr/bin/env bash
# The API v2 calls outputs assets. What does ComfyUI get where an output of one job is an input of the next?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-api-proxy 0.1.6"
echo "guess:   a reference to an output's asset becomes 'sub/a_00001_.png [output]', which LoadImage finds"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-api-proxy==0.1.6

cat > "$work/probe.py" <<'PY'
import asyncio

import aiohttp
from aiohttp import web
from comfy_api_proxy.app import make_app

sent = []


async def prompt(request):
    sent.append(await request.json())
    return web.json_response({"prompt_id": sent[-1]["prompt_id"], "number": 1, "node_errors": {}})


async def history(request):
    image = {"filename": "a_00001_.png", "subfolder": "sub", "type": "output"}
    status = {"status_str": "success", "completed": True, "messages": []}
    job = request.match_info["id"]
    return web.json_response({job: {"outputs": {"1": {"images": [image]}}, "status": status}})


async def serve(app):
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def main():
    comfyui = web.Application()
    comfyui.add_routes([web.post("/prompt", prompt), web.get("/history/{id}", history)])
    url = await serve(make_app(await serve(comfyui)))
    async with aiohttp.ClientSession() as http:
        save = {"1": {"class_type": "SaveImage", "inputs": {}}}
        async with http.post(f"{url}/api/v2/jobs", json={"workflow": save}) as answer:
            job = await answer.json()
        async with http.get(f"{url}/api/v2/jobs/{job['id']}") as answer:
            (output,) = (await answer.json())["outputs"]
        reference = {"__type": "core/ASSET", "info": {"id": output["id"]}}
        load = {"1": {"class_type": "LoadImage", "inputs": {"image": reference}}}
        async with http.post(f"{url}/api/v2/jobs", json={"workflow": load}) as answer:
            assert answer.status == 201
    print("ComfyUI got", sent[-1]["prompt"]["1"]["inputs"]["image"])


asyncio.run(main())
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='ComfyUI got sub/a_00001_.png'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
