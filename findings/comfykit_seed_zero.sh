#!/usr/bin/env bash
# 0 is a seed like any other. What does comfykit send for it, from the workflow's file or as a parameter, and does its
# result say which seed was used?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfykit 0.1.12"
echo "guess:   the seed of the parameter, or of the file where none is given; 0 is sent as 0"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfykit==0.1.12

cat > "$work/probe.py" <<'PY'
import asyncio
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from comfykit import ComfyKit

file = Path(sys.argv[1]) / "workflow.json"
sent = []
image = {"filename": "a_00001_.png", "subfolder": "", "type": "output"}
status = {"status_str": "success", "completed": True, "messages": []}
history = {"job": {"outputs": {"9": {"images": [image]}}, "status": status}}


class ComfyUI(BaseHTTPRequestHandler):
    def answer(self, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["prompt"])
        self.answer({"prompt_id": "job", "number": 1, "node_errors": {}})

    def do_GET(self) -> None:
        self.answer(history)

    def log_message(self, *_: object) -> None:
        pass


def node(kind: str, title: str, **inputs: object) -> dict:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}


def workflow(seed: int) -> dict:
    how = {"steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    ends = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
    return {
        "3": node("KSampler", "Sampler, $seed", seed=seed, **how, **ends),
        "4": node("CheckpointLoaderSimple", "Load Checkpoint", ckpt_name="base.safetensors"),
        "5": node("EmptyLatentImage", "Empty Latent Image", width=64, height=64, batch_size=1),
        "6": node("CLIPTextEncode", "$prompt.text", text="a lighthouse", clip=["4", 1]),
        "7": node("CLIPTextEncode", "CLIP Text Encode (Prompt)", text="blurry", clip=["4", 1]),
        "8": node("VAEDecode", "VAE Decode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", "$output.picture", filename_prefix="a", images=["8", 0]),
    }


async def main(url: str) -> None:
    kit = ComfyKit(comfyui_url=url)
    for seed, params in ((42, {}), (0, {}), (42, {"seed": 7}), (42, {"seed": 0})):
        file.write_text(json.dumps(workflow(seed)))
        results = [await kit.execute(str(file), params) for _ in range(2)]
        seeds = [prompt["3"]["inputs"]["seed"] for prompt in sent[-2:]]
        asked = f"parameter {params['seed']}" if params else "no parameter"
        if seeds[0] == seeds[1]:
            got = f"{seeds[0]} twice"
        else:
            known = all(str(seed) in result.model_dump_json() for seed, result in zip(seeds, results))
            got = f"two other seeds, {'known' if known else 'unknown'} from the results"
        print(f"file {seed}, {asked}: {results[0].status}, sent {got}")


server = ThreadingHTTPServer(("127.0.0.1", 0), ComfyUI)
threading.Thread(target=server.serve_forever, daemon=True).start()
asyncio.run(main(f"http://127.0.0.1:{server.server_port}"))
server.shutdown()
PY
seen=$("$work/venv/bin/python" "$work/probe.py" "$work" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='file 42, no parameter: completed, sent 42 twice
file 0, no parameter: completed, sent two other seeds, unknown from the results
file 42, parameter 7: completed, sent 7 twice
file 42, parameter 0: completed, sent two other seeds, unknown from the results'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
