# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow basic_mask_operations_and_compositing, from ComfyUI."""

from comfyflow import workflow

# isort: split
from comfynodes import (
    EmptyImage,
    FeatherMask,
    ImageCompositeMasked,
    ImageToMask,
    InvertMask,
    LoadImage,
    MaskComposite,
    MaskPreview,
    MaskToImage,
    PreviewImage,
    SolidMask,
    ThresholdMask,
)


# > …
@workflow
def basic_mask_operations_and_compositing(
    image_file: str = "example.png",
    width: int = 1024,
    height: int = 1024,
    width_2: int = 1024,
    height_2: int = 1024,
) -> tuple[
    LoadImage,
    PreviewImage,
    MaskPreview,
    MaskPreview,
    MaskPreview,
    MaskPreview,
    MaskPreview,
    MaskPreview,
    MaskPreview,
    MaskPreview,
    MaskPreview,
    PreviewImage,
    MaskPreview,
    PreviewImage,
    MaskPreview,
    PreviewImage,
    MaskPreview,
    MaskPreview,
    MaskPreview,
]:
    """Build the graph; the defaults are the saved values."""
    # --- Try It Yourself ---
    load_image = LoadImage(image=image_file)

    # --- Example Input ---
    image = EmptyImage(width=width, height=height)
    preview_image = PreviewImage(images=image)

    # --- Combine Masks ---
    #
    # --- Note: Combine Masks ---
    # > …
    mask = SolidMask()
    mask_preview = MaskPreview(mask=mask)
    mask_2 = SolidMask(value=0.5, width=1024, height=1024)
    mask_preview_2 = MaskPreview(mask=mask_2)
    composited = MaskComposite(destination=mask_2, source=mask, x=128, y=128, operation="add")
    mask_preview_3 = MaskPreview(mask=composited)
    composited_mask = MaskComposite(destination=mask_2, source=mask, x=512, y=512, operation="add")
    mask_preview_4 = MaskPreview(mask=composited_mask)
    mask_3 = MaskComposite(destination=composited, source=composited_mask, x=256, y=256, operation="multiply")
    mask_preview_5 = MaskPreview(mask=mask_3)
    mask_4 = MaskComposite(destination=composited, source=composited_mask, x=256, y=256, operation="and")
    mask_preview_6 = MaskPreview(mask=mask_4)
    mask_5 = MaskComposite(destination=composited, source=composited_mask, x=256, y=256, operation="or")
    mask_preview_7 = MaskPreview(mask=mask_5)
    mask_6 = MaskComposite(destination=composited, source=composited_mask, x=256, y=256, operation="xor")
    mask_preview_8 = MaskPreview(mask=mask_6)
    mask_7 = MaskComposite(destination=composited, source=composited_mask, x=256, y=256, operation="add")
    mask_preview_9 = MaskPreview(mask=mask_7)

    # --- Image & Mask Compositing ---
    #
    # --- Note: Image & Mask Compositing ---
    # > …
    image_2 = EmptyImage(width=width_2, height=height_2, color=16711680)
    preview_image_2 = PreviewImage(images=image_2)
    mask_8 = FeatherMask(mask=composited, left=40, top=40, right=40, bottom=40)
    mask_preview_10 = MaskPreview(mask=mask_8)
    composited_image = ImageCompositeMasked(destination=image, source=image_2, mask=mask_8)
    preview_image_3 = PreviewImage(images=composited_image)

    # --- Mask Operations ---
    #
    # --- Note: Mask Operations ---
    # > …
    mask_9 = ImageToMask(image=image, channel="red")
    mask_preview_11 = MaskPreview(mask=mask_9)
    image_3 = MaskToImage(mask=mask_9)
    preview_image_4 = PreviewImage(images=image_3)
    mask_10 = InvertMask(mask=mask_9)
    mask_preview_12 = MaskPreview(mask=mask_10)
    mask_11 = ThresholdMask(mask=mask_9, value=0.4099999999999999)
    mask_preview_13 = MaskPreview(mask=mask_11)
    mask_12 = FeatherMask(mask=mask_10, left=200)
    mask_preview_14 = MaskPreview(mask=mask_12)
    # No output needs these: load_image.
    return (
        load_image,
        preview_image,
        mask_preview,
        mask_preview_2,
        mask_preview_3,
        mask_preview_4,
        mask_preview_5,
        mask_preview_6,
        mask_preview_7,
        mask_preview_8,
        mask_preview_9,
        preview_image_2,
        mask_preview_10,
        preview_image_3,
        mask_preview_11,
        preview_image_4,
        mask_preview_12,
        mask_preview_13,
        mask_preview_14,
    )
