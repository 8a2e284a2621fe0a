"""Workflows under test, without a GPU: queries, assertions, goldens, a simulated server, strategies.

The plugin of pytest is there when the package is installed with its extra ``test``: fixtures
``comfy_schema``, ``comfy_server``, ``comfy_client`` and ``async_comfy_client``, the marker
``needs_models``, and the options of ``pytest --help``. Strategies are in
`comfyflow.testing.strategies`.
"""

from typing import TYPE_CHECKING

from ..lazy_import import lazily_imported

if TYPE_CHECKING:
    from .assertion import assert_connected as assert_connected
    from .assertion import assert_count as assert_count
    from .assertion import assert_every as assert_every
    from .assertion import assert_valid as assert_valid
    from .golden import assert_prompt_matches as assert_prompt_matches
    from .output import assert_files as assert_files
    from .output import assert_images as assert_images
    from .output import assert_metadata as assert_metadata
    from .output import assert_text as assert_text
    from .output import metadata_of as metadata_of
    from .picture import assert_image_matches as assert_image_matches
    from .picture import compare_pictures as compare_pictures
    from .picture import perceptual_hash as perceptual_hash
    from .query import Condition as Condition
    from .query import FoundNode as FoundNode
    from .query import FoundNodes as FoundNodes
    from .query import LinkedOutput as LinkedOutput
    from .query import at_least as at_least
    from .query import at_most as at_most
    from .query import between as between
    from .query import find as find
    from .query import find_all as find_all
    from .query import linked as linked
    from .query import matching as matching
    from .query import one_of as one_of
    from .query import path_between as path_between
    from .query import satisfying as satisfying

_EXPORTS = {
    "Condition": "query",
    "FoundNode": "query",
    "FoundNodes": "query",
    "LinkedOutput": "query",
    "assert_connected": "assertion",
    "assert_count": "assertion",
    "assert_every": "assertion",
    "assert_files": "output",
    "assert_image_matches": "picture",
    "assert_images": "output",
    "assert_metadata": "output",
    "assert_prompt_matches": "golden",
    "assert_text": "output",
    "assert_valid": "assertion",
    "at_least": "query",
    "at_most": "query",
    "between": "query",
    "compare_pictures": "picture",
    "find": "query",
    "find_all": "query",
    "linked": "query",
    "matching": "query",
    "metadata_of": "output",
    "one_of": "query",
    "path_between": "query",
    "perceptual_hash": "picture",
    "satisfying": "query",
}
"""Where each public name is; a module is imported when a name of it is first used: projects that
do not use the plugin of pytest do not pay for it."""

__all__ = list(_EXPORTS)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    return lazily_imported(__name__, _EXPORTS, name)


def __dir__() -> list[str]:
    return sorted(_EXPORTS)
