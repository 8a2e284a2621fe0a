"""Texts that a file carries beside its content: ComfyUI writes ``prompt`` and ``workflow`` there.

Read are: PNG, WebP, JPEG, AVIF, GIF, safetensors and latents, GLB and SVG, with the standard
library alone; video and sound (MP4, MOV, WebM, MKV, FLAC, MP3, Ogg, Opus, …) with PyAV. Files are
untrusted, so every length in them is checked, and what comes out has bounds.
"""

from .embedded import embedded_texts as embedded_texts
from .embedded import embedded_values as embedded_values
