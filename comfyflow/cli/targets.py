"""Several targets of one command, and the parameters that belong to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import CommandError
from ..source import Source
from .options import Converting
from .parameters import share_words
from .standard_input import shown_name
from .target import find_workflow, load_target

if TYPE_CHECKING:
    from ..schema import Schema


def load_targets(
    texts: Sequence[str],
    words: Sequence[str] = (),
    schema: Schema | None = None,
    converting: Converting | None = None,
) -> dict[str, Source]:
    """Load what a command was told to work on; each workflow gets the parameters that it has.

    Args:
        texts: See `load_target`.
        words: Parameters of workflow functions, as they stand on the command line. Each is for
            all workflows that have it, and for one at least.
        schema: See `load_target`.
        converting: See `load_target`.

    Returns:
        The targets, by what they were called.

    Raises:
        CommandError: See `load_target`; a parameter that no workflow has.
        ComfyflowError: See `load_target`.
    """
    if len(texts) == 1:
        return {texts[0]: load_target(texts[0], words, schema, converting)}
    found = {text: find_workflow(text) for text in texts}
    if words and not any(found.values()):
        raise CommandError(f"none of {', '.join(map(shown_name, found))} has parameters: {' '.join(words)}")
    shared = share_words(words, {text: made.parameters if made else {} for text, made in found.items()})
    return {text: _load(text, own, schema, converting) for text, own in shared.items()}


def _load(text: str, words: Sequence[str], schema: Schema | None, converting: Converting | None) -> Source:
    """One of several: what is wrong with it says which it is."""
    try:
        return load_target(text, words, schema, converting)
    except CommandError as error:
        name = shown_name(text)
        raise (error if name in str(error) else CommandError(f"{name}: {error}")) from None
