"""Video: frames, put together and saved. It needs no model and runs on every server.

comfyflow run examples/video.py --seconds 1
"""

from comfynodes import CreateVideo, EmptyImage, ImageBatch, SaveVideo

from comfyflow import workflow


@workflow
def fade(seconds: int = 2, width: int = 256, height: int = 144) -> SaveVideo:
    """Blue, then orange, each for the given seconds, at 8 pictures a second."""
    blue = EmptyImage(width=width, height=height, batch_size=8 * seconds, color=0x1B3A6B)
    orange = EmptyImage(width=width, height=height, batch_size=8 * seconds, color=0xF2A541)
    frames = ImageBatch(image1=blue, image2=orange)
    return SaveVideo(video=CreateVideo(images=frames, fps=8.0), filename_prefix="video/fade")
