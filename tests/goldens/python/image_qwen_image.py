# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow image_qwen_image, from ComfyUI."""

from comfyflow import Output, titled, workflow

# isort: split
from comfynodes import (
    CLIPLoader,
    CLIPTextEncode,
    ComfySwitchNode,
    EmptySD3LatentImage,
    KSampler,
    LoraLoaderModelOnly,
    ModelSamplingAuraFlow,
    PrimitiveBoolean,
    PrimitiveFloat,
    PrimitiveInt,
    SaveImage,
    UNETLoader,
    VAEDecode,
    VAELoader,
)
from comfynodes.sockets import IMAGE


# > …
def text_to_image_qwen_image(
    prompt: str,
    negative_prompt: str,
    seed: int,
    width: int,
    height: int,
    unet_name: str,
    lora_name: str,
    clip_name: str,
    vae_name: str,
) -> Output[IMAGE]:
    """The subgraph Text to Image Qwen-Image."""
    # --- Step1 - Load models ---
    model = UNETLoader(unet_name=unet_name, weight_dtype="default")
    clip = CLIPLoader(clip_name=clip_name, type="qwen_image", device="default")
    vae = VAELoader(vae_name=vae_name)

    # --- Step2 - Image size ---
    latent = EmptySD3LatentImage(width=width, height=height)

    # --- Step3 - Prompt ---
    positive = titled(CLIPTextEncode(text=prompt, clip=clip), "CLIP Text Encode (Positive Prompt)")
    negative = titled(CLIPTextEncode(text=negative_prompt, clip=clip), "CLIP Text Encode (Negative Prompt)")

    # --- Original Settings ---
    steps = titled(PrimitiveInt(value=20), "Steps")
    cfg = titled(PrimitiveFloat(value=4), "CFG")

    # --- Lightx2v 8steps LoRA ---
    steps_2 = titled(PrimitiveInt(value=8), "Steps")
    cfg_2 = titled(PrimitiveFloat(value=1), "CFG")
    model_with_lora = LoraLoaderModelOnly(model=model, lora_name=lora_name)

    enable_lightning_lora = titled(PrimitiveBoolean(value=False), "Enable Lightning LoRA")
    switch_steps = titled(
        ComfySwitchNode(switch=enable_lightning_lora, on_false=steps, on_true=steps_2),
        "Switch (Steps)",
    )
    switch_cfg = titled(
        ComfySwitchNode(switch=enable_lightning_lora, on_false=cfg, on_true=cfg_2),
        "Switch (CFG)",
    )
    switch_model = titled(
        ComfySwitchNode(switch=enable_lightning_lora, on_false=model, on_true=model_with_lora),
        "Switch (Model)",
    )
    model_with_sampling_aura_flow = ModelSamplingAuraFlow(model=switch_model, shift=3.1000000000000005)
    latent_2 = KSampler(
        model=model_with_sampling_aura_flow,
        seed=seed,
        steps=switch_steps,
        cfg=switch_cfg,
        sampler_name="euler",
        scheduler="simple",
        positive=positive,
        negative=negative,
        latent_image=latent,
    )
    return VAEDecode(samples=latent_2, vae=vae)


# --- Note: VRAM Usage ---
# > …
#
# --- Note: Model links ---
# > …
#
# --- Note: Aspect Ratio Resolutions ---
# > …
@workflow
def image_qwen_image(
    prompt: str = '"A vibrant, warm neon-lit … (682 characters)',
    negative_prompt: str = "",
    seed: int = 50347169638278,
    width: int = 1328,
    height: int = 1328,
    unet_name: str = "qwen_image_fp8_e4m3fn.safetensors",
    lora_name: str = "Qwen-Image-Lightning-8steps-V1.0.safetensors",
    clip_name: str = "qwen_2.5_vl_7b_fp8_scaled.safetensors",
    vae_name: str = "qwen_image_vae.safetensors",
) -> SaveImage:
    """Build the graph; the defaults are the saved values."""
    image = text_to_image_qwen_image(
        prompt=prompt,
        negative_prompt=negative_prompt,
        seed=seed,
        width=width,
        height=height,
        unet_name=unet_name,
        lora_name=lora_name,
        clip_name=clip_name,
        vae_name=vae_name,
    )
    return SaveImage(images=image, filename_prefix="Qwen-Image")
