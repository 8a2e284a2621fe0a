"""The simulator on its own, until someone stops it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..schema import Schema
from .profile import DEFAULT_PROFILE
from .simulator import HOST, Simulator


def serve(
    object_info: Schema | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    profile: str = DEFAULT_PROFILE,
    port: int = 8188,
    root: str | os.PathLike[str] | None = None,
    *,
    assets: bool = False,
    frontend: bool | str | os.PathLike[str] = False,
    host: str = HOST,
    previews: bool = True,
    step_seconds: float = 0.05,
    on_start: Callable[[Simulator], None] | None = None,
) -> None:
    """Run a simulator until Ctrl-C.

    Args:
        object_info: See `Simulator`.
        profile: See `Simulator`.
        port: See `Simulator`.
        root: See `Simulator`.
        assets: See `Simulator`.
        frontend: See `Simulator`.
        host: See `Simulator`.
        previews: See `Simulator`.
        step_seconds: See `Simulator`; not 0, so that a person sees progress.
        on_start: Called once it answers.

    Raises:
        SimulatorError: The port is not available, or the editor is wanted and not installed.
    """
    simulator = Simulator(
        object_info,
        profile,
        port,
        root,
        assets=assets,
        frontend=frontend,
        host=host,
        previews=previews,
        step_seconds=step_seconds,
    )
    with simulator:
        try:
            if on_start is not None:
                on_start(simulator)
            threading.Event().wait()
        except KeyboardInterrupt:
            return
