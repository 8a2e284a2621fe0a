"""The dynamic inputs of V3 nodes: those that stand for further inputs, or for a type.

Each kind is one class in one file, and says there how it is read from an /object_info, unfolded,
validated, compared, generated, called, drawn and put on a node of the editor; the rooms of the
package ask it (`room`). A new kind is a file and a line here.

Other packages of ComfyUI have no kinds: inputs that packs count (``image_1``, ``image_2``) are
recognised by their names, not by a type (`comfyflow.schema.grown_inputs`), and a loop is a
pair of classes (`comfyflow.validate.loops`).
"""

from typing import Final

from .autogrow import Autogrow
from .dynamic_combo import DynamicCombo
from .dynamic_group import DynamicGroup
from .dynamic_slot import DynamicSlot
from .kind import DynamicInput as DynamicInput
from .kind import DynamicOption as DynamicOption
from .kind import GrowthTemplate as GrowthTemplate
from .kind import WrongInput as WrongInput
from .kind import unfold_inputs as unfold_inputs
from .kind import wrong_input as wrong_input
from .match_type import MatchType

KINDS: Final[dict[str, type[DynamicInput]]] = {
    DynamicCombo.type: DynamicCombo,
    Autogrow.type: Autogrow,
    DynamicSlot.type: DynamicSlot,
    DynamicGroup.type: DynamicGroup,
    MatchType.type: MatchType,
}
"""Every kind, by the type by which servers name it."""

UNFOLDING: Final = frozenset(name for name, kind in KINDS.items() if kind.unfolds)
"""The types of inputs that stand for others."""

KEYED: Final = frozenset(name for name, kind in KINDS.items() if kind.is_keyed)
"""The types of inputs of which a key chooses what they bring."""

WILD: Final = frozenset(name for name, kind in KINDS.items() if kind.is_wild)
"""The types that servers link with every other."""

VALUE_CLASSES: Final = frozenset(kind.value_class for kind in KINDS.values() if kind.value_class)
"""What classes within generated ones derive from."""

FUNCTIONS: Final = frozenset(name for kind in KINDS.values() for name in kind.functions)
"""Functions that generated constructors call."""


def is_wild(kind: object) -> bool:
    """Whether a type is one that servers link with every other: of an input, or of an output."""
    return isinstance(kind, str) and kind in WILD
