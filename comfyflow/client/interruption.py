"""Interrupted waits: what happens to the prompt, and how the user learns of it."""

from __future__ import annotations

from typing import Final

from ..errors import ClientError
from .core import Core
from .flow import Flow, sleep
from .run import Run
from .running import Sending, cancel

CANCELLING_SECONDS: Final = 5.0
"""How long cancelling on the server may delay an interrupt."""


_LOOKS: Final = 10
"""How often a prompt is looked for after its sending was interrupted.

They are counted, because a busy server is slow both to queue it and to answer.
"""


_PAUSE: Final = 0.05


_LEAST: Final = 1.0
"""How long cancelling may take in any case: the prompt is there, and may have taken long to be found."""


def abandon(core: Core, attempt: Sending) -> Flow[str]:
    """Cancel a prompt that nothing waits for any more, within a few seconds or not at all.

    Args:
        core: The client.
        attempt: The prompt.

    Returns:
        Why it may keep running; empty if it does not.
    """
    run = attempt.run
    if run is None or run.outcome is not None or attempt.refused:
        return ""
    hurried = core.within(CANCELLING_SECONDS)
    try:
        if attempt.accepted or run.seen or (yield from _arrives(hurried, run)):
            yield from cancel(hurried, run, max(hurried.left() or 0.0, _LEAST))
            return ""
        why = "the interrupt came while it was being sent, and it may yet arrive"
    except ClientError as error:
        why = str(error)
    return f"prompt {run.prompt_id} may still be running on the server: {why}"


def _arrives(core: Core, run: Run) -> Flow[bool]:
    """Whether a prompt whose sending was interrupted reaches the server after all."""
    for look in range(_LOOKS):
        if look:
            yield from sleep(_PAUSE)
            if core.left() == 0.0:
                break
        seen = yield from core.recognition.likely.look(core, run.prompt_id)
        if seen is not None:
            if seen.prompt_id:
                core.hub.rename(run, seen.prompt_id)
            return True
    return False


def is_interrupt(error: BaseException) -> bool:
    """Whether an exception that ends a wait is an interrupt: Ctrl-C, the program's exit, or a cancelled task.

    A closed coroutine is not one: it can no longer wait.
    """
    return not isinstance(error, (Exception, GeneratorExit))


def add_note(interrupt: BaseException, text: str) -> None:
    """Add a note to an exception that ends a program.

    Args:
        interrupt: The exception.
        text: The note; nothing if it is empty.
    """
    if not text:
        return
    noting = getattr(interrupt, "add_note", None)  # Python 3.11 and later
    if noting is not None:
        noting(text)
    else:
        interrupt.args = (*interrupt.args, text)
