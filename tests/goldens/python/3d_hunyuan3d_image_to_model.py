# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow 3d_hunyuan3d_image_to_model, from ComfyUI."""

from comfyflow import with_inputs, workflow

# isort: split
from comfynodes import (
    CLIPVisionEncode,
    EmptyLatentHunyuan3Dv2,
    Hunyuan3Dv2Conditioning,
    ImageOnlyCheckpointLoader,
    KSampler,
    LoadImage,
    ModelSamplingAuraFlow,
    SaveGLB,
    VAEDecodeHunyuan3D,
    VoxelToMesh,
)


# --- Note: CFG setting ---
# > …
#
# --- Note: Model link ---
# > …
@workflow
def workflow_3d_hunyuan3d_image_to_model(
    image_file: str = "3d_hunyuan3d_image_to_model_input_image.png",
    seed: int = 242832339647017,
    ckpt_name: str = "hunyuan3d-dit-v2_fp16.safetensors",
) -> SaveGLB:
    """Build the graph; the defaults are the saved values."""
    # --- Step1 - Load model ---
    model, clip_vision, vae = ImageOnlyCheckpointLoader(ckpt_name=ckpt_name)

    # --- Step2 - Upload image ---
    image = LoadImage(image=image_file).IMAGE

    model_with_sampling_aura_flow = ModelSamplingAuraFlow(model=model, shift=1.0000000000000002)
    clip_vision_output = CLIPVisionEncode(clip_vision=clip_vision, image=image, crop="none")
    positive, negative = Hunyuan3Dv2Conditioning(clip_vision_output=clip_vision_output)
    latent = KSampler(
        model=model_with_sampling_aura_flow,
        seed=seed,
        sampler_name="euler",
        scheduler="normal",
        positive=positive,
        negative=negative,
        latent_image=EmptyLatentHunyuan3Dv2(),
    )
    voxel = VAEDecodeHunyuan3D(samples=latent, vae=vae)
    mesh = VoxelToMesh(voxel=voxel, algorithm="surface net")
    return with_inputs(SaveGLB(mesh=mesh, filename_prefix="mesh/ComfyUI"), {"image": ""})
