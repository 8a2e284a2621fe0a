# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow sd3.5_large_canny_controlnet_example, from ComfyUI."""

from comfyflow import workflow

# isort: split
from comfynodes import (
    Canny,
    CheckpointLoaderSimple,
    CLIPTextEncode,
    ConditioningZeroOut,
    ControlNetApplyAdvanced,
    ControlNetLoader,
    EmptySD3LatentImage,
    ImageScale,
    KSampler,
    LoadImage,
    PreviewImage,
    SaveImage,
    VAEDecode,
)


# --- Note: Model links ---
# > …
@workflow
def sd3_5_large_canny_controlnet_example(
    prompt: str = "crystal pink dragon on a blue mystery sky, hyperdetailed",
    image_file: str = "sd3.5_large_canny_controlnet_example_input_image.png",
    seed: int = 840657187058661,
    width: int = 1024,
    height: int = 1024,
    ckpt_name: str = "sd3.5_large_fp8_scaled.safetensors",
    control_net_name: str = "sd3.5_large_controlnet_canny.safetensors",
) -> tuple[PreviewImage, SaveImage]:
    """Build the graph; the defaults are the saved values."""
    # --- Step 1 - Load models ---
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=ckpt_name)
    control_net = ControlNetLoader(control_net_name=control_net_name)

    # --- Step 2 - Load image ---
    image = LoadImage(image=image_file).IMAGE

    # --- Step 3 - Prompt ---
    conditioning = CLIPTextEncode(text=prompt, clip=clip)
    negative = ConditioningZeroOut(conditioning=conditioning)

    # --- Canny preprocessing ---
    scaled = ImageScale(image=image, upscale_method="bilinear", width=1024, height=1024, crop="center")
    image_2 = Canny(image=scaled, low_threshold=0.3, high_threshold=0.6)

    # --- Image size ---
    latent = EmptySD3LatentImage(width=width, height=height)

    preview_image = PreviewImage(images=image_2)
    positive, negative_2 = ControlNetApplyAdvanced(
        positive=conditioning,
        negative=negative,
        control_net=control_net,
        image=image_2,
        strength=0.66,
        vae=vae,
    )
    latent_2 = KSampler(
        model=model,
        seed=seed,
        steps=32,
        cfg=4.5,
        sampler_name="euler",
        scheduler="simple",
        positive=positive,
        negative=negative_2,
        latent_image=latent,
    )
    image_3 = VAEDecode(samples=latent_2, vae=vae)
    saved_image = SaveImage(images=image_3, filename_prefix="sd3.5_canny_controlnet")
    return preview_image, saved_image
