# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow video_ltx2_t2v, from ComfyUI."""

from comfyflow import Output, titled, workflow

# isort: split
from comfynodes import (
    CFGGuider,
    CheckpointLoaderSimple,
    CLIPTextEncode,
    CreateVideo,
    EmptyImage,
    EmptyLTXVLatentVideo,
    GetImageSize,
    ImageScaleBy,
    KSamplerSelect,
    LatentUpscaleModelLoader,
    LoraLoaderModelOnly,
    LTXAVTextEncoderLoader,
    LTXVAudioVAEDecode,
    LTXVAudioVAELoader,
    LTXVConcatAVLatent,
    LTXVConditioning,
    LTXVCropGuides,
    LTXVEmptyLatentAudio,
    LTXVLatentUpsampler,
    LTXVScheduler,
    LTXVSeparateAVLatent,
    ManualSigmas,
    PrimitiveFloat,
    PrimitiveInt,
    RandomNoise,
    SamplerCustomAdvanced,
    SaveVideo,
    VAEDecodeTiled,
)
from comfynodes.sockets import VIDEO


# --- Note: Frame Rate Note ---
# > …
#
# --- Note: LoRA ---
# > …
def text_to_video_ltx_2_0(
    prompt: str,
    negative_prompt: str,
    seed: int,
    seed_2: int,
    width: int,
    height: int,
    length: int,
    ckpt_name: str,
    lora_name: str,
    text_encoder: str,
) -> Output[VIDEO]:
    """The subgraph Text to Video LTX 2.0."""
    # --- Frame Rate ---
    frame_rate_float = titled(PrimitiveFloat(value=24), "Frame Rate(float)")
    frame_rate_int = titled(PrimitiveInt(value=24), "Frame Rate(int)")

    # --- Model ---
    model, _, vae = CheckpointLoaderSimple(ckpt_name=ckpt_name)
    clip = LTXAVTextEncoderLoader(text_encoder=text_encoder, ckpt_name=ckpt_name, device="default")
    audio_vae = LTXVAudioVAELoader(ckpt_name=ckpt_name)

    # --- Model ---
    model_with_lora = LoraLoaderModelOnly(model=model, lora_name=lora_name)
    upscale_model = LatentUpscaleModelLoader(model_name="ltx-2-spatial-upscaler-x2-1.0.safetensors")

    # --- Prompt ---
    positive = CLIPTextEncode(text=prompt, clip=clip)
    negative = CLIPTextEncode(text=negative_prompt, clip=clip)
    positive_2, negative_2 = LTXVConditioning(
        positive=positive,
        negative=negative,
        frame_rate=frame_rate_float,
    )

    # --- Video Settings ---
    scaled = ImageScaleBy(
        image=EmptyImage(width=width, height=height),
        upscale_method="lanczos",
        scale_by=0.5,
    )
    width_2, height_2, _ = GetImageSize(image=scaled)
    length_2 = titled(PrimitiveInt(value=length), "Length")

    # --- Latent ---
    video_latent = EmptyLTXVLatentVideo(width=width_2, height=height_2, length=length_2)
    audio_latent = LTXVEmptyLatentAudio(
        frames_number=length_2,
        frame_rate=frame_rate_int,
        audio_vae=audio_vae,
    )
    joined = LTXVConcatAVLatent(video_latent=video_latent, audio_latent=audio_latent)

    # --- Sampler Stage 1 ---
    guider = CFGGuider(model=model, positive=positive_2, negative=negative_2, cfg=4)
    sigmas = LTXVScheduler(latent=joined)
    av_latent = SamplerCustomAdvanced(
        noise=RandomNoise(noise_seed=seed_2),
        guider=guider,
        sampler=KSamplerSelect(sampler_name="euler_ancestral"),
        sigmas=sigmas,
        latent_image=joined,
    ).output
    video_latent_2, audio_latent_2 = LTXVSeparateAVLatent(av_latent=av_latent)
    positive_3, negative_3, latent = LTXVCropGuides(
        positive=positive_2,
        negative=negative_2,
        latent=video_latent_2,
    )

    # --- Sampler Stage 2(2x) ---
    spatial = titled(LTXVLatentUpsampler(samples=latent, upscale_model=upscale_model, vae=vae), "spatial")

    # --- Upscale Sampling(2x) ---
    guider_2 = CFGGuider(model=model_with_lora, positive=positive_3, negative=negative_3, cfg=1)
    joined_latent = LTXVConcatAVLatent(video_latent=spatial, audio_latent=audio_latent_2)
    denoised_output = SamplerCustomAdvanced(
        noise=RandomNoise(noise_seed=seed),
        guider=guider_2,
        sampler=KSamplerSelect(sampler_name="euler_ancestral"),
        sigmas=ManualSigmas(sigmas="0.909375, 0.725, 0.421875, 0.0"),
        latent_image=joined_latent,
    ).denoised_output
    video_latent_3, audio_latent_3 = LTXVSeparateAVLatent(av_latent=denoised_output)

    image = VAEDecodeTiled(samples=video_latent_3, vae=vae, temporal_size=4096)
    audio = LTXVAudioVAEDecode(samples=audio_latent_3, audio_vae=audio_vae)
    return CreateVideo(images=image, fps=frame_rate_float, audio=audio)


# --- Note: About Size ---
# > …
#
# --- Note: Model Links ---
# > …
#
# > …
@workflow
def video_ltx2_t2v(
    prompt: str = "A close-up of a … (532 characters)",
    negative_prompt: str = "blurry, low quality, still … (96 characters)",
    seed: int = 0,
    seed_2: int = 10,
    width: int = 1280,
    height: int = 720,
    length: int = 121,
    ckpt_name: str = "ltx-2-19b-dev-fp8.safetensors",
    lora_name: str = "ltx-2-19b-distilled-lora-384.safetensors",
    text_encoder: str = "gemma_3_12B_it_fp4_mixed.safetensors",
) -> SaveVideo:
    """Build the graph; the defaults are the saved values."""
    video = text_to_video_ltx_2_0(
        prompt=prompt,
        negative_prompt=negative_prompt,
        seed=seed,
        seed_2=seed_2,
        width=width,
        height=height,
        length=length,
        ckpt_name=ckpt_name,
        lora_name=lora_name,
        text_encoder=text_encoder,
    )
    return SaveVideo(video=video, filename_prefix="video/LTX-2", format="mp4")
