#!/usr/bin/env bash
# A PrimitiveNode linked to a widget decides its value: editor 1.58.1 sends the primitive's, whatever the node saved.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-cli 1.23.0"
echo "guess:   comfy-cli sends the primitive's value too"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-cli==1.23.0

cat > "$work/probe.py" <<'PY'
import json

from comfy_cli.workflow_to_api import convert_ui_to_api

SCHEMA = {
    "EmptyImage": {
        "input": {"required": {"width": ["INT", {"default": 512}], "height": ["INT", {"default": 512}]}},
        "input_order": {"required": ["width", "height"]},
        "output": ["IMAGE"],
        "output_name": ["IMAGE"],
    },
}


def width(primitive: int, own: list[int]) -> object:
    socket = {"name": "width", "type": "INT", "link": 1, "widget": {"name": "width"}}
    nodes = [
        {
            "id": 1,
            "type": "PrimitiveNode",
            "mode": 0,
            "widgets_values": [primitive, "fixed"],
            "properties": {},
        },
        {
            "id": 2,
            "type": "EmptyImage",
            "mode": 0,
            "widgets_values": own,
            "properties": {},
            "inputs": [socket],
        },
    ]
    nodes[0] |= {"inputs": [], "outputs": [{"name": "INT", "type": "INT", "links": [1]}]}
    nodes[1] |= {"outputs": []}
    file = {"version": 0.4, "last_node_id": 2, "last_link_id": 1, "links": [[1, 1, 0, 2, 0, "INT"]]}
    return convert_ui_to_api(json.loads(json.dumps(file | {"nodes": nodes})), SCHEMA)["2"]["inputs"]["width"]


print(f"primitive 1024, node's own value 64: width = {width(1024, [64, 64])}")
print(f"primitive 1024, nothing saved on the node: width = {width(1024, [])}")
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='primitive 1024, node'\''s own value 64: width = 64
primitive 1024, nothing saved on the node: width = 1024'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
