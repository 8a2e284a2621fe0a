# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow audio_ace_step_1_t2a_song, from ComfyUI."""

from comfyflow import with_inputs, workflow

# isort: split
from comfynodes import (
    CheckpointLoaderSimple,
    ConditioningZeroOut,
    EmptyAceStepLatentAudio,
    KSampler,
    LatentApplyOperationCFG,
    LatentOperationTonemapReinhard,
    ModelSamplingSD3,
    SaveAudioMP3,
    TextEncodeAceStepAudio,
    VAEDecodeAudio,
)


# --- Note: About ACE Step and Multi-language Input ---
# > …
@workflow
def audio_ace_step_1_t2a_song(
    tags: str = "anime, soft female vocals, … (121 characters)",
    lyrics: str = "Verse Neon rain on … (242 characters)",
    seed: int = 468254064217846,
    ckpt_name: str = "ace_step_v1_3.5b.safetensors",
) -> SaveAudioMP3:
    """Build the graph; the defaults are the saved values."""
    # --- Load model here ---
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=ckpt_name)

    # --- Adjust the vocal volume ---
    operation = LatentOperationTonemapReinhard(multiplier=1.0000000000000002)

    # --- Prompt ---
    conditioning = TextEncodeAceStepAudio(
        clip=clip,
        tags=tags,
        lyrics=lyrics,
        lyrics_strength=0.9900000000000002,
    )
    negative = ConditioningZeroOut(conditioning=conditioning)

    # --- Latent ---
    latent = EmptyAceStepLatentAudio()

    model_with_sampling_sd3 = ModelSamplingSD3(model=model, shift=5.000000000000001)
    model_with_latent_operation_cfg = LatentApplyOperationCFG(
        model=model_with_sampling_sd3,
        operation=operation,
    )
    latent_2 = KSampler(
        model=model_with_latent_operation_cfg,
        seed=seed,
        steps=50,
        cfg=5,
        sampler_name="euler",
        scheduler="simple",
        positive=conditioning,
        negative=negative,
        latent_image=latent,
    )
    audio = VAEDecodeAudio(samples=latent_2, vae=vae)
    return with_inputs(SaveAudioMP3(audio=audio), {"audioUI": ""})
