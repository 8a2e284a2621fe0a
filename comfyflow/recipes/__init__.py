"""Workflows that most people need, as plain ``@workflow`` functions; made to be read, too.

``comfyflow run comfyflow.recipes:img2img --image photo.png --prompt "an oil painting"`` runs one
from a shell.
"""

from .checkpoint import ControlNet as ControlNet
from .checkpoint import Lora as Lora
from .checkpoint import hires as hires
from .checkpoint import img2img as img2img
from .checkpoint import inpaint as inpaint
from .checkpoint import txt2img as txt2img
from .checkpoint import upscale as upscale
from .checkpoint import with_controlnets as with_controlnets
from .checkpoint import with_loras as with_loras
from .flux import flux_img2img as flux_img2img
from .flux import flux_inpaint as flux_inpaint
from .flux import flux_txt2img as flux_txt2img
