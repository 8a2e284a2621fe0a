#!/usr/bin/env bash
# comfy-toolkit's set_seed returns the seed to write down. Which seed do the samplers get?
# ComfyUI's seeds have 64 bits, and it ignores an input that a node does not have.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-toolkit 0.1.0"
echo "guess:   the seed that is returned goes to the input that the node has, be it seed or noise_seed"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-toolkit==0.1.0

cat > "$work/probe.py" <<'PY'
from comfy_toolkit import set_seed


def node(kind: str, **inputs: object) -> dict:
    return {"class_type": kind, "inputs": inputs}


ends = {"model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["4", 0]}
how = {"steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal"}
part = {"add_noise": "enable", "start_at_step": 0, "end_at_step": 10000, "return_with_leftover_noise": "disable"}
samplers = {
    "KSampler": {"5": node("KSampler", seed=1, denoise=1.0, **how, **ends)},
    "KSamplerAdvanced": {"5": node("KSamplerAdvanced", noise_seed=1, **how, **part, **ends)},
    "SamplerCustomAdvanced": {
        "5": node("RandomNoise", noise_seed=1),
        "6": node("BasicGuider", model=["1", 0], conditioning=["2", 0]),
        "7": node("KSamplerSelect", sampler_name="euler"),
        "8": node("BasicScheduler", scheduler="normal", steps=20, denoise=1.0, model=["1", 0]),
        "9": node("SamplerCustomAdvanced", noise=["5", 0], guider=["6", 0], sampler=["7", 0], sigmas=["8", 0],
                  latent_image=["4", 0]),
    },
}  # fmt: skip
for name, prompt in samplers.items():
    for seed in (42, 813265401979403) if name == "KSampler" else (42,):
        told = set_seed(prompt, seed)
        got = [
            f"{entry['class_type']}.{key}={value}"
            for entry in prompt.values()
            for key, value in entry["inputs"].items()
            if key in ("seed", "noise_seed")
        ]
        print(f"{name}: returned {told}, sent", *got)
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='KSampler: returned 42, sent KSampler.seed=42
KSampler: returned 813265401979403, sent KSampler.seed=401979403
KSamplerAdvanced: returned 42, sent KSamplerAdvanced.noise_seed=1 KSamplerAdvanced.seed=42
SamplerCustomAdvanced: returned 42, sent RandomNoise.noise_seed=1 KSamplerSelect.seed=42 SamplerCustomAdvanced.seed=1042'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
