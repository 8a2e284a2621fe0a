#!/usr/bin/env bash
# ComfyUI saves the prompt in each picture. What do three libraries say of its seed, its text and its negative text?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: renderdb 0.1.0, sd-parsers 0.6, sd-prompt-reader 1.3.5"
echo "guess:   two samplers are both listed, or one is chosen together with its text, whatever the numbers of the nodes;"
echo "         a zeroed negative is no text; a picture without the editor's workflow is read as well"
# sd-prompt-reader asks for its own version of Pillow, and for a window's libraries that reading does without
python3.11 -m venv "$work/one"
python3.11 -m venv "$work/other"
"$work/one/bin/pip" install --quiet --disable-pip-version-check renderdb==0.1.0 sd-parsers==0.6 pillow==12.0.0
"$work/other/bin/pip" install --quiet --disable-pip-version-check --no-deps sd-prompt-reader==1.3.5 pillow==10.3.0 \
  piexif==1.1.3

cat > "$work/probe.py" <<'PY'
import json
import sys

from PIL import Image, PngImagePlugin

folder, part = sys.argv[1:]


def node(kind: str, **inputs: object) -> dict:
    return {"class_type": kind, "inputs": inputs}


def sampler(seed: int, latent: str, positive: str = "6", negative: str = "7") -> dict:
    return node(
        "KSampler", seed=seed, steps=20, cfg=7.0, sampler_name="euler", scheduler="normal", denoise=1.0,
        model=["4", 0], positive=[positive, 0], negative=[negative, 0], latent_image=[latent, 0],
    )  # fmt: skip


def save(samples: str, number: int, prefix: str) -> dict:
    decoded = node("VAEDecode", samples=[samples, 0], vae=["4", 2])
    return {str(number): decoded, str(number + 1): node("SaveImage", filename_prefix=prefix, images=[str(number), 0])}


start = {
    "3": sampler(5, "5"),
    "4": node("CheckpointLoaderSimple", ckpt_name="base.safetensors"),
    "5": node("EmptyLatentImage", width=64, height=64, batch_size=1),
    "6": node("CLIPTextEncode", text="a lighthouse", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="blurry", clip=["4", 1]),
}
one = start | save("3", 8, "lighthouse")
larger = node("LatentUpscale", upscale_method="nearest-exact", width=128, height=128, crop="disabled", samples=["3", 0])
harbour = {"30": node("CLIPTextEncode", text="a harbour", clip=["4", 1]), "31": sampler(77, "5", "30")}
prompts = {
    "one sampler": one,
    "second pass, node 11": start | {"10": larger, "11": sampler(42, "10")} | save("11", 8, "lighthouse"),
    "second pass, node 31": start | {"10": larger, "31": sampler(42, "10")} | save("31", 8, "lighthouse"),
    "lighthouse and harbour": one | harbour | save("31", 32, "harbour"),
    "negative zeroed": one | {"7": node("ConditioningZeroOut", conditioning=["6", 0])},
}


TYPES = {
    "model": "MODEL", "clip": "CLIP", "vae": "VAE", "images": "IMAGE", "latent_image": "LATENT", "samples": "LATENT",
}  # fmt: skip


def workflow(prompt: dict) -> dict:
    """The editor's file, without what is only drawn."""
    nodes, links = [], []
    for number, entry in prompt.items():
        slots = []
        for name, value in entry["inputs"].items():
            if isinstance(value, list):
                kind = TYPES.get(name, "CONDITIONING")
                links.append([len(links) + 1, int(value[0]), value[1], int(number), len(slots), kind])
                slots.append({"name": name, "type": kind, "link": len(links)})
        nodes.append({"id": int(number), "type": entry["class_type"], "mode": 0, "inputs": slots})
    return {"version": 0.4, "nodes": nodes, "links": links}


def write(path: str, prompt: dict, with_workflow: bool) -> str:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("prompt", json.dumps(prompt))
    if with_workflow:
        texts.add_text("workflow", json.dumps(workflow(prompt)))
    Image.new("RGB", (64, 64)).save(path, pnginfo=texts)
    return path


def readers(path: str) -> dict:
    if part == "other":
        from sd_prompt_reader.image_data_reader import ImageDataReader

        data = ImageDataReader(path)
        return {"sd-prompt-reader": [(data.parameter["seed"], data.positive, data.negative)]}
    import renderdb
    from sd_parsers import ParserManager

    row = renderdb.scan_one(path)
    info = ParserManager().parse(path)
    passes = [
        (s.parameters["seed"], *(" ".join(t.value for t in texts) for texts in (s.prompts, s.negative_prompts)))
        for s in (info.samplers if info else [])
    ]
    return {"renderdb": [(row["seed"], row["prompt"], row["negative"])], "sd-parsers": passes}


pictures = [(picture, prompt, True) for picture, prompt in prompts.items()]
for picture, prompt, with_workflow in [*pictures, ("one sampler without workflow", one, False)]:
    for name, found in readers(write(f"{folder}/a.png", prompt, with_workflow)).items():
        told = "; ".join(f"seed {seed}, {positive} / {negative or 'none'}" for seed, positive, negative in found)
        print(f"{picture}: {name} {told or 'nothing'}")
PY
seen=$(for part in one other; do
  "$work/$part/bin/python" "$work/probe.py" "$work" $part 2>>"$work/errors" || exit 1
done | LC_ALL=C sort) || { cat "$work/errors" >&2; exit 1; }
expected='lighthouse and harbour: renderdb seed 5, a lighthouse / blurry
lighthouse and harbour: sd-parsers seed 5, a lighthouse / blurry; seed 77, a harbour / blurry
lighthouse and harbour: sd-prompt-reader seed 5, a harbour / blurry
negative zeroed: renderdb seed 5, a lighthouse / none
negative zeroed: sd-parsers seed 5, a lighthouse / a lighthouse
negative zeroed: sd-prompt-reader seed 5, a lighthouse / a lighthouse
one sampler without workflow: renderdb seed 5, a lighthouse / blurry
one sampler without workflow: sd-parsers nothing
one sampler without workflow: sd-prompt-reader seed 5, a lighthouse / blurry
one sampler: renderdb seed 5, a lighthouse / blurry
one sampler: sd-parsers seed 5, a lighthouse / blurry
one sampler: sd-prompt-reader seed 5, a lighthouse / blurry
second pass, node 11: renderdb seed 42, a lighthouse / blurry
second pass, node 11: sd-parsers seed 5, a lighthouse / blurry; seed 42, a lighthouse / blurry
second pass, node 11: sd-prompt-reader seed (5, 42), a lighthouse / blurry
second pass, node 31: renderdb seed 5, a lighthouse / blurry
second pass, node 31: sd-parsers seed 5, a lighthouse / blurry; seed 42, a lighthouse / blurry
second pass, node 31: sd-prompt-reader seed (5, 42), a lighthouse / blurry'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
