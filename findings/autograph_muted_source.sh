#!/usr/bin/env bash
# A muted node is not run, and the editor sends nothing for an input that it feeds. What does autograph send?
# ComfyUI 0.33.0 refuses a link to a node that was not sent: status 400, exception_during_validation.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfyui-autograph 2.3.0"
echo "guess:   a muted node, or a muted subgraph with all in it, is left out together with the links from it"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps comfyui-autograph==2.3.0

cat > "$work/probe.py" <<'PY'
import json

from autograph import convert

SCHEMA = {
    "EmptyImage": {
        "input": {"required": {"width": ["INT", {"default": 512}], "height": ["INT", {"default": 512}]}},
        "input_order": {"required": ["width", "height"]},
        "output": ["IMAGE"],
        "output_name": ["IMAGE"],
        "output_node": False,
    },
    "PreviewImage": {
        "input": {"required": {"images": ["IMAGE"]}},
        "input_order": {"required": ["images"]},
        "output": [],
        "output_name": [],
        "output_node": True,
    },
}
MUTED = 2
INNER = "11111111-1111-4111-8111-111111111111"


def node(number: int, kind: str, mode: int = 0, **more: object) -> dict:
    return {"id": number, "type": kind, "mode": mode, "inputs": [], "outputs": [], "properties": {}, **more}


def source(number: int, link: int, mode: int = 0) -> dict:
    outputs = [{"name": "IMAGE", "type": "IMAGE", "links": [link]}]
    return node(number, "EmptyImage", mode, outputs=outputs, widgets_values=[64, 64])


preview = node(2, "PreviewImage", inputs=[{"name": "images", "type": "IMAGE", "link": 5}])
file = {"version": 0.4, "last_node_id": 3, "last_link_id": 5, "groups": [], "extra": {}}
muted_source = file | {"nodes": [source(1, 5, MUTED), preview], "links": [[5, 1, 0, 2, 0, "IMAGE"]]}

definition = {
    "id": INNER,
    "name": "inner",
    "version": 1,
    "state": {"lastNodeId": 1, "lastLinkId": 1},
    "inputNode": {"id": -10},
    "outputNode": {"id": -20},
    "inputs": [],
    "outputs": [{"id": "out", "name": "IMAGE", "type": "IMAGE", "linkIds": [1]}],
    "nodes": [source(1, 1)],
    "links": [
        {"id": 1, "origin_id": 1, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"}
    ],
}
host = node(3, INNER, MUTED, outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [5]}])
muted_subgraph = file | {
    "nodes": [host, preview],
    "links": [[5, 3, 0, 2, 0, "IMAGE"]],
    "definitions": {"subgraphs": [definition]},
}
for name, workflow in {"muted node": muted_source, "muted subgraph": muted_subgraph}.items():
    prompt = json.loads(json.dumps(dict(convert(workflow, node_info=SCHEMA))))
    classes = " ".join(sorted(entry["class_type"] for entry in prompt.values()))
    link = prompt["2"]["inputs"].get("images")
    images = (
        "nothing"
        if link is None
        else "a node that is sent"
        if link[0] in prompt
        else "a node that is not sent"
    )
    print(f"{name}: sends {classes}; images = {images}")
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='muted node: sends PreviewImage; images = a node that is not sent
muted subgraph: sends EmptyImage PreviewImage; images = a node that is sent'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
