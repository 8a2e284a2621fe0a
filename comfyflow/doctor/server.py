"""The server and its editor: whether their versions are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .diagnosis import Diagnosis

if TYPE_CHECKING:
    from ..client.routes.server_info import SystemStats

_UPGRADE: Final = "python -m pip install --upgrade comfyflow-dsl"


def running_server(stats: SystemStats, where: str) -> Diagnosis:
    """The diagnosis of a server that answers.

    Args:
        stats: What it says of itself.
        where: Its address, and who named it.
    """
    from ..schema.version import EDITORS, MODULE_SIGNS

    message = f"{where}: ComfyUI {stats.system.comfyui_version or 'of an unknown version'}"
    if stats.version is None:
        cure = (
            "version-specific behaviour is derived from its node classes; update ComfyUI to 0.3.64 or newer"
        )
        return Diagnosis("server", "warning", message, cure)
    newest = max(EDITORS[0][0], *(version for _, version in MODULE_SIGNS))
    if stats.version[:2] > newest[:2]:
        known = f"{message}, newer than {newest.major}.{newest.minor}, the newest version known to comfyflow"
        return Diagnosis("server", "warning", known, _UPGRADE)
    return Diagnosis("server", "ok", message)


def editor(stats: SystemStats) -> Diagnosis:
    """The diagnosis of the editor that a server requires; conversions follow it.

    Args:
        stats: What the server says of itself.
    """
    from ..importer.editor_rules import NEWEST, OLDEST
    from ..schema import Version

    said = stats.editor
    version = Version.parse(said) if said is not None else None
    if version is None:
        return Diagnosis(
            "editor",
            "warning",
            "the server does not say which editor it requires",
            "to convert like a different version: convert --editor VERSION",
        )
    if version[:2] > NEWEST[:2]:
        known = f"{said}, newer than {NEWEST.major}.{NEWEST.minor}, the newest version whose rules are known"
        return Diagnosis("editor", "warning", known, _UPGRADE)
    if version[:2] < OLDEST[:2]:
        known = f"{said}, older than {OLDEST.major}.{OLDEST.minor}, the oldest version whose rules are known"
        return Diagnosis("editor", "warning", known, "update ComfyUI, or check converted workflows by eye")
    return Diagnosis("editor", "ok", str(said))
