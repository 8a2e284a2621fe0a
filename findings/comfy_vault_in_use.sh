#!/usr/bin/env bash
# comfy-vault deletes the models that no workflow refers to. Which references does it see?
# An embedding is named in a prompt's text, with or without its suffix; DiffusersLoader names the folder of its files.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-model-vault 0.3.1"
echo "guess:   of five models only spare.safetensors, which the workflow does not use, is deleted"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-model-vault==0.3.1

mkdir -p "$work/models/checkpoints" "$work/models/embeddings" "$work/models/diffusers/sd15/unet" "$work/workflows"
for name in checkpoints/base embeddings/blurry embeddings/worst diffusers/sd15/unet/diffusion_pytorch_model \
  checkpoints/spare; do
  printf '\2\0\0\0\0\0\0\0{}' > "$work/models/$name.safetensors"
done
echo '{"_class_name": "StableDiffusionPipeline"}' > "$work/models/diffusers/sd15/model_index.json"
cat > "$work/workflows/prompt.json" <<'JSON'
{
  "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "base.safetensors"}},
  "2": {"class_type": "DiffusersLoader", "inputs": {"model_path": "sd15"}},
  "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["1", 1]}},
  "4": {"class_type": "CLIPTextEncode",
    "inputs": {"text": "embedding:blurry, (embedding:worst.safetensors:1.2)", "clip": ["1", 1]}},
  "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
  "6": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20, "cfg": 7.0, "sampler_name": "euler",
    "scheduler": "normal", "denoise": 1.0, "model": ["2", 0], "positive": ["3", 0], "negative": ["4", 0],
    "latent_image": ["5", 0]}},
  "7": {"class_type": "VAEDecode", "inputs": {"samples": ["6", 0], "vae": ["1", 2]}},
  "8": {"class_type": "PreviewImage", "inputs": {"images": ["7", 0]}}
}
JSON
"$work/venv/bin/comfy-vault" orphans "$work/models" --workflows "$work/workflows" --delete --yes >"$work/log" 2>&1 ||
  { cat "$work/log" >&2; exit 1; }
seen=$(grep -o 'Deleted [0-9]* file(s)' "$work/log"; cd "$work/models" && find . -name '*.safetensors' | sed 's|^\./|kept |')
expected='Deleted 4 file(s)
kept checkpoints/base.safetensors'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
