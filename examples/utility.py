"""A picture without any model: it runs on every ComfyUI server, the barest too.

comfyflow run examples/utility.py --color 3381759 --server http://127.0.0.1:8188
"""

from comfynodes import EmptyImage, ImageInvert, SaveImage

from comfyflow import workflow


@workflow
def plain(width: int = 512, height: int = 256, color: int = 0x3399FF) -> tuple[SaveImage, SaveImage]:
    """A plain picture, and its negative."""
    image = EmptyImage(width=width, height=height, color=color)
    return (
        SaveImage(images=image, filename_prefix="plain"),
        SaveImage(images=ImageInvert(image=image), filename_prefix="inverted"),
    )
