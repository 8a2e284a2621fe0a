# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow template_seedance2_storyboard_to_video, from ComfyUI."""

from comfyflow import titled, workflow

# isort: split
from comfynodes import (
    ByteDance2ReferenceNode,
    GeminiNode,
    ImageStitch,
    LoadImage,
    OpenAIGPTImageNodeV2,
    PreviewAny,
    SaveImage,
    SaveVideo,
    StringConcatenate,
)


# --- Note: Step 1 ---
# > …
#
# --- Note: Step 2 ---
# > …
@workflow
def template_seedance2_storyboard_to_video(
    prompt: str = "A ninja sprints across … (837 characters)",
    system_prompt: str = "You are an elite … (3576 characters)",
    prompt_2: str = "A ninja sprints across … (847 characters)",
    system_prompt_2: str = "Storyboard Camera Interpretation When … (1750 characters)",
    concatenate_prompt: str = "RULES: @image_1 is the … (182 characters)",
    image_file: str = "ninja.png",
    image_file_2: str = "storyboard_input.png",
    seed: int = 486422127652111,
    seed_2: int = 1096883914,
    seed_3: int = 1050544927289873,
    seed_4: int = 275927675,
) -> tuple[SaveImage, PreviewAny, SaveVideo]:
    """Build the graph; the defaults are the saved values."""
    # --- Previs Storyboard Generator ---
    prompt_3 = GeminiNode(prompt=prompt, seed=seed, system_prompt=system_prompt)
    image = OpenAIGPTImageNodeV2(
        prompt=prompt_3,
        model=OpenAIGPTImageNodeV2.Model.gpt_image_2(size="1536x1024", custom_width=1536),
        seed=seed_2,
    )
    saved_image = SaveImage(images=image)

    # --- Seedance Video ---
    image_2 = LoadImage(image=image_file).IMAGE
    image_3 = LoadImage(image=image_file_2).IMAGE
    stitched = ImageStitch(image1=image_2, image2=image_3)
    text = GeminiNode(prompt=prompt_2, seed=seed_3, images=stitched, system_prompt=system_prompt_2)
    concatenate_prompt_2 = titled(
        StringConcatenate(string_a=text, string_b=concatenate_prompt, delimiter=", "),
        "Concatenate Prompt",
    )
    preview_any = PreviewAny(source=concatenate_prompt_2)
    video = ByteDance2ReferenceNode(
        model=ByteDance2ReferenceNode.Model.Seedance_2_0(
            prompt=concatenate_prompt_2,
            resolution="720p",
            ratio="16:9",
            duration=10,
            reference_images=[image_2, image_3],
            auto_downscale=False,
        ),
        seed=seed_4,
    )
    saved_video = SaveVideo(video=video)
    return saved_image, preview_any, saved_video
