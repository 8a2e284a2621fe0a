"""Files made by ComfyUI, recreated from the prompt that they carry, and compared."""

from .comparison import Comparison as Comparison
from .comparison import Tolerance as Tolerance
from .comparison import compare_files as compare_files
from .original import Original as Original
from .original import read_original as read_original
from .reason import Reason as Reason
from .reproduction import Reproduction as Reproduction
from .reproduction import reproduce as reproduce

__all__ = [
    "Comparison",
    "Original",
    "Reason",
    "Reproduction",
    "Tolerance",
    "compare_files",
    "read_original",
    "reproduce",
]
