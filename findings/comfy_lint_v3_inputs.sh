#!/usr/bin/env bash
# Inputs that grow (COMFY_AUTOGROW_V3) are sent as images.image0, and COMFY_MATCHTYPE_V3 takes any type.
# ComfyUI 0.33.0 accepts and runs this prompt (with all widgets of EmptyImage).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-lint 0.1.0"
echo "guess:   a prompt that the server runs has no error"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps comfy-lint==0.1.0

cat > "$work/probe.py" <<'PY'
import json
import pathlib
import tempfile

from comfy_lint import lint_workflow, load_schema

SCHEMA = {
    "EmptyImage": {
        "input": {"required": {"width": ["INT", {"default": 512}], "height": ["INT", {"default": 512}]}},
        "output": ["IMAGE"],
        "output_name": ["IMAGE"],
    },
    "BatchImagesNode": {
        "input": {
            "required": {
                "images": [
                    "COMFY_AUTOGROW_V3",
                    {
                        "template": {
                            "input": {"required": {"image": ["IMAGE", {}]}},
                            "prefix": "image",
                            "min": 1,
                            "max": 50,
                        }
                    },
                ]
            }
        },
        "output": ["IMAGE"],
        "output_name": ["IMAGE"],
    },
    "ComfySwitchNode": {
        "input": {
            "required": {
                "switch": ["BOOLEAN", {}],
                "on_false": [
                    "COMFY_MATCHTYPE_V3",
                    {"template": {"template_id": "switch", "allowed_types": "*"}},
                ],
                "on_true": [
                    "COMFY_MATCHTYPE_V3",
                    {"template": {"template_id": "switch", "allowed_types": "*"}},
                ],
            }
        },
        "output": ["COMFY_MATCHTYPE_V3"],
        "output_name": ["output"],
    },
    "PreviewImage": {
        "input": {"required": {"images": ["IMAGE"]}},
        "output": [],
        "output_name": [],
        "output_node": True,
    },
}
PROMPT = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64}},
    "2": {"class_type": "BatchImagesNode", "inputs": {"images.image0": ["1", 0], "images.image1": ["1", 0]}},
    "3": {
        "class_type": "ComfySwitchNode",
        "inputs": {"switch": True, "on_false": ["1", 0], "on_true": ["2", 0]},
    },
    "4": {"class_type": "PreviewImage", "inputs": {"images": ["3", 0]}},
}
with tempfile.TemporaryDirectory() as folder:
    cache = pathlib.Path(folder, "object_info.json")
    cache.write_text(json.dumps(SCHEMA))
    for found in lint_workflow(PROMPT, load_schema(cache_path=str(cache))):
        print(f"{found.severity} {found.rule}: {found.class_type}.{found.field}")
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='error missing-required: BatchImagesNode.images
warning extraneous-input: BatchImagesNode.images.image0
warning extraneous-input: BatchImagesNode.images.image1
error type-mismatch: ComfySwitchNode.on_false
error type-mismatch: ComfySwitchNode.on_true
error type-mismatch: PreviewImage.images'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
