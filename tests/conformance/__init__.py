"""One suite for every ComfyUI server: the simulator in its profiles, and the one at COMFYUI_URL."""
