"""What differs between releases of the editor, each fact since the release in which it came.

`docs/editor-rules.md` lists the rules by number; numbers and letters in brackets in this package mean
them. All was seen in real editors driven in a browser: 1.27.10, 1.45.20, 1.49.6 and 1.58.1 over official
templates and probes, and the last patch of each minor release from 1.26 to 1.58 over some hundred probes.
Which release is followed, and why, is chosen here, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ..errors import ConversionError
from ..json_types import object_or_empty
from ..schema import Schema, Version
from ..versions import Since
from .javascript import shown_json

OLDEST: Final = Version(1, 26)
"""The oldest release of the editor whose rules are known."""

NEWEST: Final = Version(1, 58)
"""The newest one."""

_SAVE_CLASSES: Final = frozenset(
    {
        "SaveImage", "SaveAnimatedWEBP", "SaveWEBM", "SaveAudio", "SaveGLB", "SaveAnimatedPNG", "CLIPSave",
        "VAESave", "ModelSave", "LoraSave", "SaveLatent",
    }
)  # fmt: skip
_MORE_SAVE_CLASSES: Final = _SAVE_CLASSES | {
    "SaveImageAdvanced", "SaveSVGNode", "SaveVideo", "SaveAudioMP3", "SaveAudioOpus", "SaveAudioAdvanced",
}  # fmt: skip
_NEWEST_SAVE_CLASSES: Final = _MORE_SAVE_CLASSES | {"Save3DAdvanced", "SaveGaussianSplat", "SavePointCloud"}
_VIEWPORT_CLASSES: Final = frozenset({"Preview3DAdvanced", "PreviewGaussianSplat", "PreviewPointCloud"})
_AUDIO_CLASSES: Final = frozenset({"LoadAudio", "SaveAudio", "PreviewAudio", "SaveAudioMP3", "SaveAudioOpus"})
_OLD_NAMES: Final = {
    "T2IAdapterLoader": "ControlNetLoader",
    "ConditioningAverage ": "ConditioningAverage",
    "SDV_img2vid_Conditioning": "SVD_img2vid_Conditioning",
}
_OLD_VIEWERS: Final = {"Load3DAnimation": "Load3D", "Preview3DAnimation": "Preview3D"}

RENAMED: Final = {**_OLD_NAMES, **_OLD_VIEWERS}
"""Old names of core classes, which servers since 0.14 take for the new ones."""


class EditorRules:
    """How one release of the editor turns a workflow into a prompt.

    Each fact is a line here: what the oldest known release does, and since which release what holds.

    Args:
        version: The release.

    Attributes:
        version: The release.
        name: The release, as one writes it: ``1.45``.
    """

    def __init__(self, version: Version) -> None:
        self.version = version
        self.name: Final = f"{version.major}.{version.minor}"

    null_combo_first: Final = Since(False, ("1.41", True))
    """A combo saved as null becomes its first choice [5]."""

    unnamed_values_clear: Final = Since(False, ("1.34", True), ("1.53", False))
    """Saved values in an object clear the widgets of a core node; else they leave the defaults [5, d]."""

    objects_by_order: Final = Since(False, ("1.54", True))
    """Saved values in an object on a core node count in their order, whatever their names, where they are as
    many as its class has; else they leave the defaults [5, j]."""

    text_keeps_type: Final = Since(False, ("1.40", True), ("1.54", False))
    """Multiline text keeps numbers and lists as they were saved; else everything becomes text [6, b]."""

    text_keeps_line_ends: Final = Since(False, ("1.40", True))
    """Multiline text keeps its line ends; else they become newlines [6]."""

    dynamic_inputs: Final = Since(False, ("1.33", True))
    """DynamicCombo, Autogrow and MatchType are understood [7, 8]."""

    short_option_names: Final = Since(False, ("1.33", True), ("1.34", False))
    """What a dynamic combo brings is called by its own name alone [7]."""

    match_outputs: Final = Since(False, ("1.34", True), ("1.57", False))
    """Outputs of a MatchType group take the type of what is linked to its inputs, and links that do not fit
    are dropped; else these links stay [7]."""

    match_outputs_reach_all: Final = Since(False, ("1.40", True))
    """The links that are dropped then are all; else those to nodes that are in front of it in the file, as
    only these are filled already [7]."""

    save_classes: Final = Since(
        _SAVE_CLASSES,
        ("1.32", _SAVE_CLASSES | {"SaveVideo"}),
        ("1.45", _MORE_SAVE_CLASSES),
        ("1.47", _NEWEST_SAVE_CLASSES),
    )
    """Whose ``filename_prefix`` gets ``%…%`` replaced [11, E]."""

    audio_classes: Final = Since(_AUDIO_CLASSES, ("1.45", _AUDIO_CLASSES | {"SaveAudioAdvanced"}))
    """Which nodes get an ``audioUI`` widget."""

    sends_audio_players: Final = Since(True, ("1.47", False))
    """``audioUI`` is sent [D]."""

    keeps_unknown_values: Final = Since(False, ("1.47", True))
    """All values of a node of an unknown class are sent, as UNKNOWN, UNKNOWN_1, …; else the last [17, C]."""

    viewport_classes: Final = Since(
        frozenset[str](),
        ("1.45", _VIEWPORT_CLASSES),
        ("1.47", _VIEWPORT_CLASSES | {"Save3DAdvanced", "SaveGaussianSplat", "SavePointCloud"}),
    )
    """Nodes whose 3D viewer is called ``viewport_state`` and sends its camera [F]."""

    load_buttons: Final = Since(True, ("1.45", False))
    """3D loaders send their buttons; else only behind a list of files."""

    viewers_send_cameras: Final = Since(False, ("1.45", True))
    """Load3DAdvanced has a viewer that sends its camera."""

    new_camera_is_off: Final = Since(False, ("1.46", True))
    """A new camera is at z = 10.000000000000002 [G]."""

    odd_views_are_flat: Final = Since(False, ("1.58", True))
    """A 3D view whose sides are not positive numbers has an aspect of 0; else that of the screen [F]."""

    inactive_hosts_vanish: Final = Since(False, ("1.39", True))
    """Muted and bypassed subgraph nodes are left out at the root [14]."""

    mute_cuts: Final = Since(False, ("1.41", True))
    """A link from a muted node is resolved as absent, so that a widget falls back to its own value; else
    the link is made and dropped at the end [13, 16]."""

    group_lists_are_sockets: Final = Since(False, ("1.37", True), ("1.54", False))
    """In legacy group nodes a combo whose choices the server gives as a list is not a widget of the
    group [17, f]."""

    renumbers: Final = Since(False, ("1.40", True))
    """Duplicate ids inside subgraphs are renumbered [19]."""

    inner_first: Final = Since(False, ("1.41", True))
    """Subgraphs are filled before those that use them, whatever the order of the file [20]."""

    proxies_replace: Final = Since(False, ("1.28", True), ("1.41", False))
    """What ``proxyWidgets`` name takes the place of the copies that a subgraph's node holds: these are gone,
    and what is inside counts [20]."""

    muted_hosts_fail: Final = Since(False, ("1.39", True), ("1.41", False))
    """What is linked to a muted subgraph's node on the canvas makes the editor fail [14]."""

    curves_have_a_type: Final = Since(False, ("1.52", True))
    """A curve is always sent with its type; else only one that is a list is [6, g]."""

    short_audio_values: Final = Since(False, ("1.54", True))
    """SaveAudioAdvanced that was saved with three values loses the third [h]."""

    meta_names_packs: Final = Since(False, ("1.57", True))
    """``_meta`` says which pack, and which version of it, a node is from [i]."""

    groups_become_subgraphs: Final = Since(False, ("1.47", True))
    """Legacy group nodes become subgraphs: the nodes inside and the group get new ids [17, H]."""

    host_copies: Final = Since(True, ("1.41", False))
    """A subgraph's node holds copies of the widgets inside that it shows, and the values saved with it are
    theirs [20]."""

    promotes_by_place: Final = Since(True, ("1.35", False))
    """Which widget inside a subgraph's node shows is decided by the place that the link was saved with, which
    need not be where the input is now [20]."""

    host_values: Final = Since(False, ("1.46", True))
    """The values saved on a subgraph's node count for what is inside, by place or as ``proxyWidgets`` say
    [20, B]. Where neither this nor `host_copies` holds, the values inside are sent."""

    primitives_reach_inside: Final = Since(True, ("1.47", False))
    """A primitive node that is linked to a widget shown by a subgraph's node writes the one inside; else
    it writes nothing [15, B8]."""

    host_nulls: Final = Since(False, ("1.47", True))
    """null among them is sent, except for combos; else the value inside is [B1]."""

    shows_dynamic_combos: Final = Since(False, ("1.35", True))
    """A subgraph's node shows a dynamic combo that is inside; else the inner one wins [20]."""

    shown_options_reset: Final = Since(False, ("1.41", True), ("1.45", False))
    """A dynamic combo that a subgraph's node shows falls back to its first option [20]."""

    host_objects_clear: Final = Since(False, ("1.47", True), ("1.53", False))
    """Values in an object on a subgraph's node clear what it shows; else the values inside are sent [20]."""

    entries_of_inputs: Final = Since(False, ("1.47", True))
    """Entries of ``proxyWidgets`` for an input of the subgraph give it the value of their place [B4]."""

    nested_values: Final = Since(True, ("1.46", False), ("1.47", True))
    """A value saved on a node two subgraphs further inside counts; else one on the next alone [B6]."""

    float_control: Final = Since(False, ("1.35", True))
    """A float may have a control slot; else only integers and combos have."""

    paths_of_files: Final = Since(True, ("1.41", False))
    """The value of a combo with an upload button is written as a path."""

    links_from_table: Final = Since(False, ("1.53", True))
    """The table of links alone says what is linked; else inputs do [18, a]."""

    renumbers_canvas: Final = Since(False, ("1.53", True))
    """Of two nodes of one id on the canvas the second gets a new one; else it replaces the first [e]."""

    prefixes_are_text: Final = Since(True, ("1.56", False))
    """A ``filename_prefix`` that is not a string makes the editor fail; else it is sent as it is [11, c]."""

    links_at_root: Final = Since(True, ("1.33", False))
    """Primitive nodes and reroutes look links up on the canvas, even inside a subgraph; a primitive node
    there makes the editor fail [15]."""

    forced_by_input: Final = Since(True, ("1.28", False))
    """Values of inputs that were widgets once are found by the place of the input, not of the value; the
    editor so drops the wrong ones behind a control slot [9]."""

    limits_in_properties: Final = Since(False, ("1.28", True))
    """PrimitiveInt and PrimitiveFloat keep their limits in their properties."""

    tolerant_steps: Final = Since(False, ("1.28", True))
    """The common step of two floats is found although their arithmetic is not exact; else it may become
    absurdly large [15]."""

    checks_links: Final = Since(True, ("1.36", False))
    """Before a workflow is loaded, the table of links and what the nodes say about them are made to
    agree [18]."""

    previews: Final = Since(
        ("preview",),
        ("1.34", ("preview", "previewMode")),
        ("1.40", ("preview_markdown", "preview_text", "previewMode")),
        ("1.43", ()),
    )
    """What PreviewAny sends of its preview."""

    custom_combos: Final = Since(False, ("1.35", True))
    """CustomCombo grows with its options."""

    color_defaults: Final = Since(False, ("1.42", True))
    """A colour starts with the default that the server gives; else with black."""

    saves_comparisons: Final = Since(True, ("1.39", False))
    """ImageCompare's view takes a place in the saved values."""

    animation_viewers: Final = Since(True, ("1.32", False))
    """Preview3DAnimation has its own viewer."""

    old_names: Final = Since(_OLD_NAMES, ("1.32", RENAMED), ("1.39", dict[str, str]()))
    """Class names that the editor corrects while loading."""


@lru_cache(maxsize=256)
def rules_of(version: Version) -> EditorRules:
    """The rules of a release of the editor; of the nearest known one where it is older or newer.

    Args:
        version: The release; what counts is the minor one.
    """
    return _rules(min(max(Version(*version[:2]), OLDEST), NEWEST))


@lru_cache(maxsize=64)
def _rules(version: Version) -> EditorRules:
    return EditorRules(version)


_WRITTEN: Final = re.compile(r"v?\d{1,9}(\.\d{1,9}){1,3}([-+]\S*)?")
_FIRST: Final = Version(1)
"""Versions before this one say nothing: servers without an editor give 0.0.0."""


class EditorChoice(NamedTuple):
    """The editor that is followed.

    Attributes:
        rules: Its rules.
        reason: Why this one, as a part of a sentence.
        notes: What has to be said about it, each with the kind of problem that it is.
    """

    rules: EditorRules
    reason: str
    notes: tuple[tuple[str, str], ...]


def choose_editor(asked: str | None, schema: Schema, workflow: Mapping[str, Any]) -> EditorChoice:
    """Choose the editor: the one asked for, the server's, the file's, the newest known.

    Args:
        asked: The version asked for, or None.
        schema: The server's classes; it knows which editor the server requires, if that was said.
        workflow: The workflow; it may say which editor saved it.

    Raises:
        ConversionError: What was asked for is not a version.
    """
    saved = saved_by(workflow)
    if asked is not None:
        version = _written(str(asked))
        if version is None:
            raise ConversionError(
                f"{shown_json(asked)} is not an editor version; expected something like 1.45 or 1.45.20"
            )
        reason = "which was requested"
    elif (required := _version(schema.editor)) is not None:
        version, reason = required, f"which is the editor of {schema.source}"
    elif saved is not None:
        version, reason = saved, "which saved the workflow"
    else:
        version, reason = NEWEST, "the newest known version"
    notes = _notes(version, reason, saved)
    return EditorChoice(rules_of(version), reason, notes)


def saved_by(workflow: Mapping[str, Any]) -> Version | None:
    """The editor that saved a workflow, if the file says it."""
    return _version(object_or_empty(workflow.get("extra")).get("frontendVersion"))


def _version(said: object) -> Version | None:
    version = _parsed(said) if isinstance(said, str) else None
    return version if version is not None and version >= _FIRST else None


@lru_cache(maxsize=64)
def _written(text: str) -> Version | None:
    """The version that someone asks for."""
    return Version.parse(text) if _WRITTEN.fullmatch(text.strip()) is not None else None


@lru_cache(maxsize=64)
def _parsed(text: str) -> Version | None:
    return Version.parse(text)


def _notes(version: Version, reason: str, saved: Version | None) -> tuple[tuple[str, str], ...]:
    """One sentence where the editor followed, or the one that saved the file, is not known."""
    is_known = version >= OLDEST and version[:2] <= NEWEST[:2]
    if is_known and (saved is None or saved[:2] <= NEWEST[:2]):
        return ()
    known = f"known are {_short(OLDEST)} to {_short(NEWEST)}"
    if not is_known:
        nearest = _short(min(max(version, OLDEST), NEWEST))
        what = f"editor {_short(version)}, {reason}, is unknown ({known})"
        return (("editor_unknown", f"{what}: converting like the nearest, {nearest}"),)
    text = (
        f"editor {_short(saved or version)} saved the workflow and is newer than any known version"
        f" ({known}): converting like {_short(version)}, {reason}"
    )
    return (("editor_unknown", text),)


def _short(version: Version) -> str:
    return f"{version.major}.{version.minor}"
