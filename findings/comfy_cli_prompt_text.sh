#!/usr/bin/env bash
# Inputs with dynamicPrompts are a small language. The editor runs it on every text that it sends, and so does comfy-cli
# when it converts: also on text that means none of it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-cli 1.23.0"
echo "guess:   text without a choice such as {a|b} is sent as it was saved"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-cli==1.23.0

cat > "$work/probe.py" <<'PY'
from comfy_cli.workflow_to_api import convert_ui_to_api

SCHEMA = {
    "CLIPTextEncode": {
        "input": {"required": {"text": ["STRING", {"multiline": True, "dynamicPrompts": True}]}},
        "input_order": {"required": ["text"]},
        "output": ["CONDITIONING"],
        "output_name": ["CONDITIONING"],
    },
}
for text in (
    '{"style": {"light": "dusk"}}',
    "a poster of http://example.org, neon",
    "f(x) /* a curve */ in chalk",
):
    nodes = [
        {
            "id": 1,
            "type": "CLIPTextEncode",
            "mode": 0,
            "inputs": [],
            "outputs": [],
            "properties": {},
            "widgets_values": [text],
        }
    ]
    file = {"version": 0.4, "last_node_id": 1, "last_link_id": 0, "nodes": nodes, "links": []}
    print(f"{text}  ->  {convert_ui_to_api(file, SCHEMA)['1']['inputs']['text']}")
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='{"style": {"light": "dusk"}}  ->  "style": "light": "dusk"
a poster of http://example.org, neon  ->  a poster of http:
f(x) /* a curve */ in chalk  ->  f(x)  in chalk'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
