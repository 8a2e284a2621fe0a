"""Pictures for prompts, made of noise and arithmetic: pleasant, deterministic, no models."""

from .canvas import caption as caption
from .canvas import paint as paint
from .canvas import preview as preview
from .mood import bounded as bounded
from .mood import enlarge as enlarge
