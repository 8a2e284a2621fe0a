#!/usr/bin/env bash
# Official templates list model files with name, address, directory and sometimes a hash. Does the address give the file of that name?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfyui-workflow-templates-json 0.1.123"
echo "guess:   every address ends in the name that it is listed under, most entries have a hash, and a node loads each"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps comfyui-workflow-templates-json==0.1.123

cat > "$work/probe.py" <<'PY'
import json
import pathlib
from urllib.parse import unquote, urlsplit

import comfyui_workflow_templates_json


def nodes(scope: dict):
    yield from scope.get("nodes", [])
    for inner in scope.get("definitions", {}).get("subgraphs", []):
        yield from nodes(inner)


entries = hashes = unloaded = 0
others = set()
for path in sorted(pathlib.Path(comfyui_workflow_templates_json.__file__).parent.rglob("*.json")):
    file = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(file, dict) or "nodes" not in file:
        continue
    for node in nodes(file):
        widgets = node.get("widgets_values") or []
        values = list(widgets.values()) if isinstance(widgets, dict) else widgets
        for model in (node.get("properties") or {}).get("models") or []:
            entries += 1
            hashes += bool(model.get("hash"))
            unloaded += model["name"] not in values or node.get("mode") in (2, 4)
            given = unquote(urlsplit(model["url"]).path).rpartition("/")[2]
            if given != model["name"]:
                others.add((model["name"], given, path.name))
print(f"{entries} entries: {hashes} with a hash, {unloaded} that their node does not load")
for name, given, file in sorted(others):
    print(f"  {name} is fetched from {given} ({file})")
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='1204 entries: 18 with a hash, 63 that their node does not load
  Qwen_Image_Edit_2511-SYSTMS_INFL8.safetensors is fetched from SYSTMS_INFL8_LoRA_Qwen_Image_Edit_2511.safetensors (image-qwen_image_edit_2511_lora_inflation.json)
  moss_image_sft_int8_convrot.safetensors is fetched from moss_image_base_int8_convrot.safetensors (image_moss_image_t2i_bboxes.json)'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
