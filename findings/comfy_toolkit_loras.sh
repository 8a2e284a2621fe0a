#!/usr/bin/env bash
# comfy-toolkit's customize adds LoRAs to a prompt and links what follows to them. Where do they end up if a node
# that changes only the model stands before the sampler, and where if the prompt has two models?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-toolkit 0.1.0"
echo "guess:   one loader for each chain of models; it takes the CLIP that the texts had, and the texts read it"
echo "         from there"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-toolkit==0.1.0

cat > "$work/probe.py" <<'PY'
from comfy_toolkit import customize

# What ComfyUI's nodes of these prompts give.
OUTPUTS = {
    "CheckpointLoaderSimple": ["MODEL", "CLIP", "VAE"],
    "UNETLoader": ["MODEL"],
    "CLIPLoader": ["CLIP"],
    "FreeU_V2": ["MODEL"],
    "ModelSamplingAuraFlow": ["MODEL"],
    "ModelSamplingSD3": ["MODEL"],
    "LoraLoader": ["MODEL", "CLIP"],
    "LoraLoaderModelOnly": ["MODEL"],
}


def node(kind: str, **inputs: object) -> dict:
    return {"class_type": kind, "inputs": inputs}


def texts(number: str, output: int) -> dict:
    return {
        "6": node("CLIPTextEncode", text="a lighthouse", clip=[number, output]),
        "7": node("CLIPTextEncode", text="blurry", clip=[number, output]),
    }


def sampler(model: str, latent: str, start: int = 0, end: int = 10000) -> dict:
    return node(
        "KSamplerAdvanced", add_noise="disable" if start else "enable", noise_seed=1, steps=20, cfg=3.5,
        sampler_name="euler", scheduler="simple", start_at_step=start, end_at_step=end,
        return_with_leftover_noise="disable" if start else "enable", model=[model, 0], positive=["6", 0],
        negative=["7", 0], latent_image=[latent, 0],
    )  # fmt: skip


def unet(name: str) -> dict:
    return node("UNETLoader", unet_name=name, weight_dtype="default")


latent = node("EmptySD3LatentImage", width=64, height=64, batch_size=1)
checkpoint = {"1": node("CheckpointLoaderSimple", ckpt_name="base.safetensors"), "5": latent, **texts("1", 1)}
apart = {"2": node("CLIPLoader", clip_name="text.safetensors", type="wan", device="default"), "5": latent}
apart |= texts("2", 0)
freeu = node("FreeU_V2", b1=1.3, b2=1.4, s1=0.9, s2=0.2, model=["1", 0])
prompts = {
    "checkpoint": checkpoint | {"3": sampler("1", "5")},
    "checkpoint, FreeU_V2": checkpoint | {"10": freeu, "3": sampler("10", "5")},
    "UNETLoader": apart | {"1": unet("a.safetensors"), "3": sampler("1", "5")},
    "UNETLoader, ModelSamplingAuraFlow": apart
    | {
        "1": unet("a.safetensors"),
        "10": node("ModelSamplingAuraFlow", shift=3.0, model=["1", 0]),
        "3": sampler("10", "5"),
    },
    "high and low noise": apart
    | {
        "1": unet("high.safetensors"),
        "11": unet("low.safetensors"),
        "3": sampler("1", "5", end=10),
        "13": sampler("11", "3", start=10),
    },
}


def named(prompt: dict, link: list) -> str:
    kind = prompt[link[0]]["class_type"]
    given = OUTPUTS[kind]
    return f"{kind}.{given[link[1]]}" if link[1] < len(given) else f"{kind}[{link[1]}], which does not exist"


for name, prompt in prompts.items():
    sent = customize(prompt, loras={"style.safetensors": 0.8})
    loaders = [entry for entry in sent.values() if entry["class_type"].startswith("LoraLoader")]
    print(name)
    for entry in loaders:
        links = {key: entry["inputs"][key] for key in ("model", "clip") if key in entry["inputs"]}
        ends = [f"{key} from {named(sent, link)}" for key, link in links.items()]
        print(f"  {entry['class_type']}:", ", ".join(ends))
    print("  texts:", *sorted({named(sent, sent[key]["inputs"]["clip"]) for key in ("6", "7")}))
    models = [entry["inputs"]["model"] for entry in sent.values() if entry["class_type"] == "KSamplerAdvanced"]
    print("  samplers:", ", ".join(named(sent, link) for link in models))
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='checkpoint
  LoraLoader: model from CheckpointLoaderSimple.MODEL, clip from CheckpointLoaderSimple.CLIP
  texts: LoraLoader.CLIP
  samplers: LoraLoader.MODEL
checkpoint, FreeU_V2
  LoraLoader: model from FreeU_V2.MODEL, clip from FreeU_V2[1], which does not exist
  texts: CheckpointLoaderSimple.CLIP
  samplers: LoraLoader.MODEL
UNETLoader
  LoraLoaderModelOnly: model from UNETLoader.MODEL
  texts: CLIPLoader.CLIP
  samplers: LoraLoaderModelOnly.MODEL
UNETLoader, ModelSamplingAuraFlow
  LoraLoader: model from ModelSamplingAuraFlow.MODEL, clip from ModelSamplingAuraFlow[1], which does not exist
  texts: CLIPLoader.CLIP
  samplers: LoraLoader.MODEL
high and low noise
  LoraLoaderModelOnly: model from UNETLoader.MODEL
  texts: CLIPLoader.CLIP
  samplers: LoraLoaderModelOnly.MODEL, UNETLoader.MODEL'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
