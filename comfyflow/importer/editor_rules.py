"""What differs between the versions of ComfyUI's editor.

Two were observed in a real browser: frontend 1.45.20 (ComfyUI 0.27.0) and 1.27.10 (ComfyUI
0.3.64). The numbers in brackets are those of `RULES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import ConversionError

_SAVE_CLASSES_27: Final = frozenset(
    {
        "SaveImage", "SaveAnimatedWEBP", "SaveWEBM", "SaveAudio", "SaveGLB", "SaveAnimatedPNG", "CLIPSave",
        "VAESave", "ModelSave", "LoraSave", "SaveLatent",
    }
)  # fmt: skip
_SAVE_CLASSES_45: Final = _SAVE_CLASSES_27 | {
    "SaveImageAdvanced", "SaveSVGNode", "SaveVideo", "SaveAudioMP3", "SaveAudioOpus", "SaveAudioAdvanced",
}  # fmt: skip
_AUDIO_CLASSES_27: Final = frozenset(
    {"LoadAudio", "SaveAudio", "PreviewAudio", "SaveAudioMP3", "SaveAudioOpus"}
)


@dataclass(frozen=True)
class EditorRules:
    """How one version of the editor turns a workflow into a prompt.

    Attributes:
        name: The version, as one gives it to `convert_workflow`.
        null_combo_first: A combo saved as null becomes its first choice [5].
        unnamed_values_clear: Saved values in an object clear the widgets of a core node; else
            they leave the defaults [5].
        text_keeps_type: Multiline text keeps numbers, lists and line ends as they were saved;
            else everything becomes text with plain line ends [6].
        dynamic_inputs: DynamicCombo, Autogrow and MatchType are understood [7, 8].
        save_classes: Whose ``filename_prefix`` gets ``%…%`` replaced [11].
        audio_classes: Which nodes get an ``audioUI`` widget.
        inactive_hosts_vanish: Muted and bypassed subgraph nodes are left out at the root [14].
        mute_cuts: A link from a muted node is resolved as absent, so that a widget falls back to
            its own value; else the link is made and dropped at the end [13, 16].
        group_nodes: Legacy group nodes are expanded; else they are unknown classes [17].
        renumbers: Duplicate ids inside subgraphs are renumbered [19].
        host_values_win: A promoted widget takes the value saved on the subgraph node; else the
            one saved inside [20].
        float_control: A float may have a control slot; in 1.27 only integers and combos have.
        paths_of_files: The value of a combo with an upload button is written as a path.
        links_at_root: Primitive nodes and reroutes look links up on the canvas, even inside a
            subgraph; a primitive node there makes the editor fail [15].
        old_names: Class names that the editor corrects while loading.
    """

    name: str
    null_combo_first: bool
    unnamed_values_clear: bool
    text_keeps_type: bool
    dynamic_inputs: bool
    save_classes: frozenset[str]
    audio_classes: frozenset[str]
    inactive_hosts_vanish: bool
    mute_cuts: bool
    group_nodes: bool
    renumbers: bool
    host_values_win: bool
    float_control: bool
    paths_of_files: bool
    links_at_root: bool
    old_names: tuple[tuple[str, str], ...] = ()


EDITORS: Final = {
    "1.45": EditorRules(
        name="1.45",
        null_combo_first=True,
        unnamed_values_clear=True,
        text_keeps_type=True,
        dynamic_inputs=True,
        save_classes=_SAVE_CLASSES_45,
        audio_classes=_AUDIO_CLASSES_27 | {"SaveAudioAdvanced"},
        inactive_hosts_vanish=True,
        mute_cuts=True,
        group_nodes=False,
        renumbers=True,
        host_values_win=False,
        float_control=True,
        paths_of_files=False,
        links_at_root=False,
    ),
    "1.27": EditorRules(
        name="1.27",
        null_combo_first=False,
        unnamed_values_clear=False,
        text_keeps_type=False,
        dynamic_inputs=False,
        save_classes=_SAVE_CLASSES_27,
        audio_classes=_AUDIO_CLASSES_27,
        inactive_hosts_vanish=False,
        mute_cuts=False,
        group_nodes=True,
        renumbers=False,
        host_values_win=True,
        float_control=False,
        paths_of_files=True,
        links_at_root=True,
        old_names=(
            ("T2IAdapterLoader", "ControlNetLoader"),
            ("ConditioningAverage ", "ConditioningAverage"),
            ("SDV_img2vid_Conditioning", "SVD_img2vid_Conditioning"),
        ),
    ),
}


def editor_rules(version: str) -> EditorRules:
    """The rules of a version of the editor.

    Args:
        version: ``1.45`` or ``1.27``; a patch version (``1.45.20``) is that of its series.

    Raises:
        ConversionError: Nothing is known about that version.
    """
    rules = EDITORS.get(".".join(str(version).split(".")[:2]))
    if rules is None:
        known = " and ".join(EDITORS)
        raise ConversionError(f"the rules of editor version {version!r} are not known; known are {known}")
    return rules
