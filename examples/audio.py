"""Audio: silence, saved as FLAC. It needs no model and runs on every server.

comfyflow run examples/audio.py --seconds 1.5
"""

from comfynodes import EmptyAudio, SaveAudio

from comfyflow import workflow


@workflow
def silence(seconds: float = 1.0) -> SaveAudio:
    """Nothing to hear, for the given seconds."""
    return SaveAudio(audio=EmptyAudio(duration=seconds), filename_prefix="audio/silence")
