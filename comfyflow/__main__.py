"""``python -m comfyflow`` is the command ``comfyflow``."""

from .cli import main

main()
