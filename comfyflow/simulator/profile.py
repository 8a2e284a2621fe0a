"""How the versions of ComfyUI that the simulator can be differ."""

from __future__ import annotations

from typing import Any, Final

from ..errors import SimulatorError
from ..schema.version import DYNAMIC_INPUTS, Version
from ..versions import Since, release

MAX_UPLOAD_BYTES: Final = 100 * 1024 * 1024
"""What a server takes in one body, unless it is started with ``--max-upload-size``."""

_FIRST_FEATURES: Final[dict[str, Any]] = {
    "supports_preview_metadata": True,
    "max_upload_size": MAX_UPLOAD_BYTES,
}
_FEATURES: Final[dict[str, Any]] = {
    **_FIRST_FEATURES,
    "supports_model_type_tags": True,
    "extension": {"manager": {"supports_v4": True}},
    "node_replacements": True,
    "assets": False,
}
_FOLDERS: Final = (
    "latent_upscale_models",
    "background_removal",
    "frame_interpolation",
    "geometry_estimation",
    "optical_flow",
    "detection",
)


class Profile:
    """One version of ComfyUI, as a client sees it.

    Each fact is a line here: what 0.3.64 does, and since which release what holds. The recordings of real
    servers are the source: a change that came between two of them is under the later one, unless its
    release is known. For 0.37.0 it is the source code of the server and of its pull request 14918.

    Args:
        version: What ``/system_stats`` says.
        assets: Whether it is started with ``--enable-assets``.

    Attributes:
        version: What ``/system_stats`` says.
        number: The version as a number.
    """

    def __init__(self, version: str, assets: bool = False) -> None:
        self.version: str = version
        self.number: Version = release(version)
        self._assets = assets

    own_features: Since[dict[str, Any]] = Since(
        _FIRST_FEATURES,
        ("0.27", _FEATURES),
        ("0.37", {**_FEATURES, "supports_node_failure_policy": True}),
    )
    """What ``/features`` and the answer to ``feature_flags`` say."""

    jobs: Since[bool] = Since(False, ("0.27", True))
    """There are ``/api/jobs`` and its cancelling, ``/node_replacements``, and assets if asked for."""

    uuid_ids: Since[bool] = Since(False, ("0.27", True))
    """A prompt id must be a canonical lowercase UUID."""

    secrets_hidden: Since[bool] = Since(False, ("0.27", True))
    """``/queue`` leaves out API keys."""

    create_time: Since[bool] = Since(False, ("0.3.69", True))
    """The server stamps ``extra_data.create_time``."""

    cached_outputs_without_client: Since[bool] = Since(True, ("0.13", False), ("0.28", True))
    """A prompt without client id has its cached outputs in the history."""

    intermediate_outputs: Since[bool] = Since(False, ("0.27", True))
    """Nodes with ``has_intermediate_output`` send ``executed``."""

    preview_method: Since[bool] = Since(False, ("0.27", True))
    """``extra_data.preview_method`` is heard."""

    progress_interval: Since[float] = Since(0.0, ("0.9.2", 0.1))
    """Seconds that must pass between two progress messages of a node."""

    userdata_milliseconds: Since[bool] = Since(False, ("0.27", True))
    """Times of user files are whole milliseconds, not seconds."""

    annotated_internal_names: Since[bool] = Since(False, ("0.27", True))
    """``/internal/files`` says ``name [input]``."""

    active_attachments: Since[bool] = Since(False, ("0.27", True))
    """``/view`` sends HTML and SVG as attachments."""

    cross_site_refused: Since[bool] = Since(False, ("0.27", True))
    """``Sec-Fetch-Site: cross-site`` is answered 403."""

    platform_names: Since[bool] = Since(False, ("0.27", True))
    """``system.os`` is ``linux`` rather than ``posix``."""

    lenient_bodies: Since[bool] = Since(True, ("0.27", False))
    """A prompt that is not an object gets a 400 rather than a 500."""

    model_folders: Since[tuple[str, ...]] = Since((), ("0.27", _FOLDERS), ("0.33", ("datasets", *_FOLDERS)))
    """Kinds of model files beside those of every version."""

    previewable_counts: Since[bool] = Since(False, ("0.33", True))
    """Jobs say ``previewable_outputs_count``."""

    text_stands_last: Since[bool] = Since(False, ("0.33", True))
    """Text stands for a job only where no picture, sound, video or 3D file does, rather than where none was
    seen before it."""

    tag_filters: Since[bool] = Since(False, ("0.33", True))
    """Assets are found by ``tags_all``, ``tags_any`` and ``tags_none``."""

    svg_as_image: Since[bool] = Since(False, ("0.33", True))
    """``/view`` sends an SVG as what it is to a page's ``<img>``."""

    user_css_inline: Since[bool] = Since(False, ("0.33", True))
    """``user.css`` is sent as a style sheet, not as an attachment."""

    loops: Since[bool] = Since(False, ("0.37", True))
    """There are the classes of loops."""

    node_failure_policy: Since[bool] = Since(False, ("0.37", True))
    """A prompt may ask to continue without the nodes that fail."""

    @property
    def features(self) -> dict[str, Any]:
        """What ``/features`` and the answer to ``feature_flags`` say."""
        return {**self.own_features, "assets": True} if self._assets else self.own_features

    @classmethod
    def named(cls, version: str) -> Profile:
        """The profile of a version.

        Raises:
            SimulatorError: No profile of that name.
        """
        profile = PROFILES.get(version)
        if profile is None:
            raise SimulatorError(f"unknown profile {version!r}; available: {', '.join(PROFILES)}")
        return profile

    def with_assets(self) -> Profile:
        """The same version, started with ``--enable-assets``.

        Raises:
            SimulatorError: It is older than assets are.
        """
        if not self.jobs:
            raise SimulatorError(f"ComfyUI {self.version} has no assets")
        return Profile(self.version, assets=True)

    @classmethod
    def nearest(cls, version: Version) -> Profile:
        """The newest profile that is not newer than a version of ComfyUI, or the oldest one.

        0.4 brought dynamic inputs, which the profile of 0.3.64 has not got: what is in between
        is nearer to 0.27.0.
        """
        oldest, second, *_ = PROFILES.values()
        if version < DYNAMIC_INPUTS:
            return oldest
        older = [profile for profile in PROFILES.values() if profile.number <= version]
        return max(older[-1], second, key=lambda profile: profile.number)


PROFILES: Final = {version: Profile(version) for version in ("0.3.64", "0.27.0", "0.33.0", "0.37.0")}
DEFAULT_PROFILE: Final = "0.33.0"
