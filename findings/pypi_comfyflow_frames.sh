#!/usr/bin/env bash
# PyPI's comfyflow (not this repository's project) runs a workflow and yields its pictures. SaveImageWebsocket sends
# pictures as frames; PreviewImage sends none, only names of files. The stand-in server sends one frame for each.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfyflow 0.1.0 of PyPI, websockets 17.4, httpx 0.28.1"
echo "guess:   the frame of SaveImageWebsocket is yielded, one that comes while PreviewImage runs is not"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    comfyflow==0.1.0 websockets==17.4 httpx==0.28.1 pillow==13.0.0 aiohttp==3.14.5

cat > "$work/probe.py" <<'PY'
import asyncio
import io
import struct

from aiohttp import web
from comfyflow import AsyncComfyClient, Workflow
from PIL import Image

PROMPT_ID = "11111111-1111-4111-8111-111111111111"
IMAGES = {"input": {"required": {"images": ["IMAGE"]}}, "output": [], "output_name": []}
SCHEMA = {
    "EmptyImage": {
        "input": {"required": {"width": ["INT", {"default": 64}]}},
        "output": ["IMAGE"],
        "output_name": ["IMAGE"],
    },
    "SaveImageWebsocket": IMAGES,
    "PreviewImage": IMAGES,
}
memory = io.BytesIO()
Image.new("RGB", (8, 8)).save(memory, "PNG")
FRAME = struct.pack(">II", 1, 2) + memory.getvalue()  # a picture, a PNG


async def server() -> tuple[web.AppRunner, str]:
    opened: list[web.WebSocketResponse] = []
    posted = asyncio.Event()

    async def socket(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await posted.wait()
        for message in (
            {"type": "executing", "data": {"node": "1", "prompt_id": PROMPT_ID}},
            {"type": "executing", "data": {"node": "2", "prompt_id": PROMPT_ID}},
            FRAME,
            {"type": "executing", "data": {"node": None, "prompt_id": PROMPT_ID}},
        ):
            await (
                websocket.send_bytes(message) if isinstance(message, bytes) else websocket.send_json(message)
            )
        posted.clear()
        await websocket.close()
        return websocket

    async def post(request: web.Request) -> web.Response:
        posted.set()
        return web.json_response({"prompt_id": PROMPT_ID, "number": 1, "node_errors": {}})

    app = web.Application()
    app.router.add_get("/ws", socket)
    app.router.add_post("/prompt", post)
    app.router.add_get("/object_info", lambda request: answer(SCHEMA))
    app.router.add_get("/models/{kind}", lambda request: answer([]))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, "127.0.0.1:{}".format(runner.addresses[0][1])


async def answer(body: object) -> web.Response:
    return web.json_response(body)


async def main() -> None:
    runner, address = await server()
    client = await AsyncComfyClient.create(address)
    for saver in ("SaveImageWebsocket", "PreviewImage"):
        workflow = Workflow(client)
        getattr(workflow, saver)(images=workflow.EmptyImage())
        pictures = [image.size async for _, image in client.run(workflow)]
        print(f"{saver}, one frame sent: {len(pictures)} pictures")
    await runner.cleanup()


asyncio.run(asyncio.wait_for(main(), 60))
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='SaveImageWebsocket, one frame sent: 0 pictures
PreviewImage, one frame sent: 1 pictures'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
