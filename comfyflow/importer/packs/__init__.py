"""What the JavaScript of well-known packs does to a prompt, one module a pack.

Each says which version of the pack it was read from. The numbers (C1, C2, …) are those of the rules
in ``docs/packs.md``.
"""

from __future__ import annotations

from typing import Final

from ..pack import Pack
from . import (
    animatediff,
    custom_scripts,
    easy_use,
    efficiency,
    essentials,
    fooocus,
    impact,
    inspire,
    kjnodes,
    lora_manager,
    mtb,
    mx_toolkit,
    prompt_reader,
    rgthree,
    use_everywhere,
    video_helper_suite,
)

SHIPPED: Final[tuple[Pack, ...]] = (
    animatediff.PACK,
    custom_scripts.PACK,
    easy_use.PACK,
    efficiency.PACK,
    essentials.PACK,
    fooocus.PACK,
    impact.PACK,
    inspire.PACK,
    kjnodes.PACK,
    lora_manager.PACK,
    mtb.PACK,
    mx_toolkit.PACK,
    prompt_reader.PACK,
    rgthree.PACK,
    use_everywhere.PACK,
    video_helper_suite.PACK,
)
"""The packs that comfyflow knows by itself."""
