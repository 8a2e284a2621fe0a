"""Commands that take a workflow's own parameters as options, and tell of them in their help."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from typer.core import TyperCommand

from ..errors import ComfyflowError
from .parameters import parameter_rows
from .target import find_workflow


class WorkflowCommand(TyperCommand):
    """A command whose help lists the parameters of the workflow that stands before ``--help``."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write them below the command's own options."""
        for word in sys.argv[2:]:
            # What cannot be loaded is said when it is run; help is help all the same.
            with contextlib.suppress(ComfyflowError):
                found = None if word.startswith("-") else find_workflow(word)
                if found is not None:
                    with formatter.section(f"Parameters of {word}"):
                        formatter.write_dl(parameter_rows(found.parameters) or [("none", "")])
        super().format_epilog(ctx, formatter)
