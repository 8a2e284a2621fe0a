# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow image_flux.1_fill_dev_OneReward, from ComfyUI."""

from comfyflow import Output, titled, workflow

# isort: split
from comfynodes import (
    CLIPTextEncode,
    ConditioningZeroOut,
    DifferentialDiffusion,
    DualCLIPLoader,
    FluxGuidance,
    InpaintModelConditioning,
    KSampler,
    LoadImage,
    LoraLoaderModelOnly,
    PreviewImage,
    UNETLoader,
    VAEDecode,
    VAELoader,
)
from comfynodes.sockets import IMAGE, MASK


# --- Note: About object removal ---
# > …
def one_reward_image_inpainting(
    input_image: Output[IMAGE],
    mask: Output[MASK],
    prompt: str,
    seed: int,
    unet_name: str,
    lora_name: str,
    clip_name1: str,
    clip_name2: str,
    vae_name: str,
) -> Output[IMAGE]:
    """The subgraph OneReward Image Inpainting."""
    # --- Step1 - Load models ---
    model = UNETLoader(unet_name=unet_name, weight_dtype="default")
    model_with_lora = LoraLoaderModelOnly(model=model, lora_name=lora_name)
    clip = DualCLIPLoader(clip_name1=clip_name1, clip_name2=clip_name2, type="flux", device="default")
    vae = VAELoader(vae_name=vae_name)

    # --- Step3 - Prompt ---
    positive_prompt = titled(CLIPTextEncode(text=prompt, clip=clip), "CLIP Text Encode (Positive Prompt)")

    # --- Inpainting & Object removal ---
    model_with_differential_diffusion = DifferentialDiffusion(model=model_with_lora)
    positive = FluxGuidance(conditioning=positive_prompt, guidance=30)
    negative = ConditioningZeroOut(conditioning=positive_prompt)
    positive_2, negative_2, latent = InpaintModelConditioning(
        positive=positive,
        negative=negative,
        vae=vae,
        pixels=input_image,
        mask=mask,
    )
    latent_2 = KSampler(
        model=model_with_differential_diffusion,
        seed=seed,
        cfg=1,
        sampler_name="euler",
        scheduler="normal",
        positive=positive_2,
        negative=negative_2,
        latent_image=latent,
    )
    return VAEDecode(samples=latent_2, vae=vae)


# --- Note: How to draw mask ---
# > …
#
# --- Note: About OneReward and Model links ---
# > …
@workflow
def image_flux_1_fill_dev_one_reward(
    prompt: str = "Remove the girl's hat\n",
    image_file: str = "image_flux.1_fill_dev_OneReward_input_image.png",
    seed: int = 75154916226486,
    unet_name: str = "flux.1-fill-dev-OneReward-transformer_fp8.safetensors",
    lora_name: str = "removal_timestep_alpha-2-1740.safetensors",
    clip_name1: str = "clip_l.safetensors",
    clip_name2: str = "t5xxl_fp16.safetensors",
    vae_name: str = "ae.safetensors",
) -> tuple[PreviewImage, PreviewImage]:
    """Build the graph; the defaults are the saved values."""
    image, mask = LoadImage(image=image_file)
    image_2 = one_reward_image_inpainting(
        input_image=image,
        mask=mask,
        prompt=prompt,
        seed=seed,
        unet_name=unet_name,
        lora_name=lora_name,
        clip_name1=clip_name1,
        clip_name2=clip_name2,
        vae_name=vae_name,
    )
    return PreviewImage(images=image), PreviewImage(images=image_2)
