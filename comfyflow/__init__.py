"""ComfyUI workflows as typed, tested Python."""
