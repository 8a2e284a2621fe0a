"""A grid of texts by seeds on every server that is configured; a ledger records what happened to each.

python examples/sweep.py                   (the servers: COMFYFLOW_SERVER, the config file, or this machine's)

The same from a shell:

    comfyflow batch examples/sweep.py --grid "text=a lighthouse,a harbour" --seeds 4 --out sweep
"""

import sys

from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    SaveImage,
    VAEDecode,
)

from comfyflow import batch, workflow
from comfyflow.batch import Rows


@workflow
def picture(text: str, seed: int = 0, steps: int = 4) -> SaveImage:
    """A small image from a prompt."""
    checkpoint = CheckpointLoaderSimple(ckpt_name="sd_xl_base_1.0.safetensors")
    sampled = KSampler(
        model=checkpoint.MODEL,
        seed=seed,
        steps=steps,
        cfg=7.0,
        sampler_name="euler",
        scheduler="normal",
        positive=CLIPTextEncode(text=text, clip=checkpoint.CLIP),
        negative=CLIPTextEncode(text="", clip=checkpoint.CLIP),
        latent_image=EmptyLatentImage(width=256, height=256, batch_size=1),
        denoise=1.0,
    )
    return SaveImage(images=VAEDecode(samples=sampled, vae=checkpoint.VAE), filename_prefix="sweep")


def main() -> None:
    rows = Rows.grid(text=["a lighthouse at dusk", "a harbour in fog"]) * Rows.seeds(4)
    summary = batch.run(picture, rows, out=sys.argv[1] if len(sys.argv) > 1 else "sweep")
    print(f"{summary.counts['completed']} rows done, {summary.files} files in {summary.out}")


if __name__ == "__main__":
    main()
