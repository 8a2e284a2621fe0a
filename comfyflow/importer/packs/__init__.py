"""What the JavaScript of well-known packs does to a prompt; packs that do the same are in one module.

Each says which version of the pack it was read from. The numbers (C1, C2, …) are those of the rules
in ``docs/packs.md``.
"""

from __future__ import annotations

from typing import Final

from ..pack import Pack
from . import easy_use, rgthree, use_everywhere, video_helper_suite
from .chosen_files import BJORNULF, FOOOCUS, LORA_MANAGER
from .extra_widgets import (
    ALEKPET,
    ANIMATEDIFF,
    CONTROL_FLOW_UTILS,
    CUSTOM_SCRIPTS,
    ESSENTIALS,
    IMPACT,
    INSPIRE,
    KJNODES,
    MTB,
    TINYTERRA,
)
from .numbers import EFFICIENCY, IMAGE_PICKER, MIXLAB, MX_TOOLKIT, PROMPT_READER

SHIPPED: Final[tuple[Pack, ...]] = (
    ALEKPET,
    ANIMATEDIFF,
    BJORNULF,
    CONTROL_FLOW_UTILS,
    CUSTOM_SCRIPTS,
    easy_use.PACK,
    EFFICIENCY,
    ESSENTIALS,
    FOOOCUS,
    IMAGE_PICKER,
    IMPACT,
    INSPIRE,
    KJNODES,
    LORA_MANAGER,
    MIXLAB,
    MTB,
    MX_TOOLKIT,
    PROMPT_READER,
    rgthree.PACK,
    TINYTERRA,
    use_everywhere.PACK,
    video_helper_suite.PACK,
)
"""The packs that comfyflow knows by itself."""
