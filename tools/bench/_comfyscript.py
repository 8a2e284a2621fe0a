"""The same txt2img in ComfyScript, as its own documentation writes it; run by its own Python."""

import json
import sys

from comfy_script.runtime import Workflow, load

load(sys.argv[1], watch=False)
if "--load-only" in sys.argv:
    sys.exit()

from comfy_script.runtime import nodes  # noqa: E402

with Workflow(queue=False) as workflow:
    model, clip, vae = nodes.CheckpointLoaderSimple("a.safetensors")
    latent = nodes.KSampler(
        model,
        1,
        20,
        7.0,
        "euler",
        "normal",
        nodes.CLIPTextEncode("a", clip),
        nodes.CLIPTextEncode("b", clip),
        nodes.EmptyLatentImage(512, 512, 1),
        1.0,
    )
    workflow += nodes.SaveImage(nodes.VAEDecode(latent, vae), "ComfyUI")  # noqa: PLW2901
print(json.dumps(workflow.api_format()))
