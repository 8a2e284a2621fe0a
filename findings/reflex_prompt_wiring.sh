#!/usr/bin/env bash
# The sampler's links say which text is the positive one. comfyui-reflex is asked to set it, and the seed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfyui-reflex 0.1.0"
echo "guess:   set_prompt follows the sampler's positive link, set_seed the seed's"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps comfyui-reflex==0.1.0

cat > "$work/probe.py" <<'PY'
from comfyui_reflex import ComfyWorkflow


def encoder(text: str) -> dict:
    return {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": text, "clip": ["4", 1]},
        "_meta": {"title": "CLIP Text Encode (Prompt)"},
    }


def sampler(title: str) -> dict:
    inputs = {"seed": ["9", 0], "steps": 20, "positive": ["7", 0], "negative": ["6", 0]}
    return {"class_type": "KSampler", "inputs": inputs, "_meta": {"title": title}}


workflow = ComfyWorkflow(
    {
        "3": sampler("KSampler"),
        "6": encoder("blurry"),
        "7": encoder("a lighthouse"),
        "9": {"class_type": "PrimitiveInt", "inputs": {"value": 3}},
    }
)
prompt = workflow.set_prompt("a harbour").set_seed(5).to_dict()
for role in ("positive", "negative"):
    print(f"{role}: {prompt[prompt['3']['inputs'][role][0]]['inputs']['text']}")
print(f"seed: sampler {prompt['3']['inputs']['seed']}, node that fed it {prompt['9']['inputs']['value']}")
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='positive: a lighthouse
negative: a harbour
seed: sampler 5, node that fed it 3'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
