"""What the JavaScript of well-known packs does to a prompt, one module a pack.

Each says which version of the pack it was read from. The numbers (C1, C2, …) are those of the rules
in ``docs/packs.md``.
"""

from __future__ import annotations

from typing import Final

from ..pack import Pack
from . import (
    alekpet,
    animatediff,
    bjornulf,
    control_flow_utils,
    custom_scripts,
    easy_use,
    efficiency,
    essentials,
    fooocus,
    image_picker,
    impact,
    inspire,
    kjnodes,
    lora_manager,
    mixlab,
    mtb,
    mx_toolkit,
    prompt_reader,
    rgthree,
    tinyterra,
    use_everywhere,
    video_helper_suite,
)

SHIPPED: Final[tuple[Pack, ...]] = (
    alekpet.PACK,
    animatediff.PACK,
    bjornulf.PACK,
    control_flow_utils.PACK,
    custom_scripts.PACK,
    easy_use.PACK,
    efficiency.PACK,
    essentials.PACK,
    fooocus.PACK,
    image_picker.PACK,
    impact.PACK,
    inspire.PACK,
    kjnodes.PACK,
    lora_manager.PACK,
    mixlab.PACK,
    mtb.PACK,
    mx_toolkit.PACK,
    prompt_reader.PACK,
    rgthree.PACK,
    tinyterra.PACK,
    use_everywhere.PACK,
    video_helper_suite.PACK,
)
"""The packs that comfyflow knows by itself."""
