"""How the versions of ComfyUI that the simulator can be differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from ..errors import SimulatorError
from ..schema.version import Version

_DYNAMIC_INPUTS: Final = Version(0, 4, 0)
MAX_UPLOAD_BYTES: Final = 100 * 1024 * 1024
"""What a server takes in one body, unless it is started with ``--max-upload-size``."""


@dataclass(frozen=True)
class Profile:
    """One version of ComfyUI, as a client sees it. The recordings of real servers are the source;
    for 0.37.0 it is the source code of the server and of its pull request 14918.

    Attributes:
        version: What ``/system_stats`` says.
        features: What ``/features`` and the answer to ``feature_flags`` say.
        jobs: Whether there is ``/api/jobs`` and its cancelling.
        uuid_ids: Whether a prompt id must be a canonical lowercase UUID.
        secrets_hidden: Whether ``/queue`` leaves out API keys.
        create_time: Whether the server stamps ``extra_data.create_time``.
        cached_outputs_without_client: Whether a prompt without client id has its cached outputs
            in the history.
        intermediate_outputs: Whether nodes with ``has_intermediate_output`` send ``executed``.
        preview_method: Whether ``extra_data.preview_method`` is heard.
        progress_interval: Seconds that must pass between two progress messages of a node.
        userdata_milliseconds: Whether times of user files are whole milliseconds, not seconds.
        annotated_internal_names: Whether ``/internal/files`` says ``name [input]``.
        active_attachments: Whether ``/view`` sends HTML and SVG as attachments.
        cross_site_refused: Whether ``Sec-Fetch-Site: cross-site`` is answered 403.
        platform_names: Whether ``system.os`` is ``linux`` rather than ``posix``.
        lenient_bodies: Whether a prompt that is no object gets a 400 rather than a 500.
        model_folders: Kinds of model files beside those of every version.
        previewable_counts: Whether jobs say ``previewable_outputs_count``.
        text_stands_last: Whether text stands for a job only where no picture, sound, video or
            3D file does, rather than where none was seen before it.
        tag_filters: Whether assets are found by ``tags_all``, ``tags_any`` and ``tags_none``.
        svg_as_image: Whether ``/view`` sends an SVG as what it is to a page's ``<img>``.
        user_css_inline: Whether ``user.css`` is sent as a style sheet, not as an attachment.
        loops: Whether there are the classes of loops.
        node_failure_policy: Whether a prompt may ask to go on without the nodes that fail.
    """

    version: str
    features: dict[str, Any]
    jobs: bool
    uuid_ids: bool
    secrets_hidden: bool
    create_time: bool
    cached_outputs_without_client: bool
    intermediate_outputs: bool
    preview_method: bool
    progress_interval: float
    userdata_milliseconds: bool
    annotated_internal_names: bool
    active_attachments: bool
    cross_site_refused: bool
    platform_names: bool
    lenient_bodies: bool
    model_folders: tuple[str, ...] = ()
    previewable_counts: bool = False
    text_stands_last: bool = False
    tag_filters: bool = False
    svg_as_image: bool = False
    user_css_inline: bool = False
    loops: bool = False
    node_failure_policy: bool = False

    @classmethod
    def named(cls, version: str) -> Profile:
        """The profile of a version.

        Raises:
            SimulatorError: No profile of that name.
        """
        profile = PROFILES.get(version)
        if profile is None:
            raise SimulatorError(f"no profile {version!r}; there are {', '.join(PROFILES)}")
        return profile

    def with_assets(self) -> Profile:
        """The same version, started with ``--enable-assets``.

        Raises:
            SimulatorError: It is older than assets are.
        """
        if not self.jobs:
            raise SimulatorError(f"ComfyUI {self.version} has no assets")
        return replace(self, features={**self.features, "assets": True})

    @property
    def number(self) -> Version:
        """The version as a number."""
        return Version(*(int(part) for part in self.version.split(".")))

    @classmethod
    def nearest(cls, version: Version) -> Profile:
        """The newest profile that is no newer than a version of ComfyUI, or the oldest one.

        0.4 brought dynamic inputs, which the profile of 0.3.64 has not got: what is in between
        is nearer to 0.27.0.
        """
        if version < _DYNAMIC_INPUTS:
            return _0_3_64
        older = [profile for profile in PROFILES.values() if profile.number <= version]
        return max(older[-1], _0_27_0, key=lambda profile: profile.number)


_FOLDERS_0_27: Final = (
    "latent_upscale_models",
    "background_removal",
    "frame_interpolation",
    "geometry_estimation",
    "optical_flow",
    "detection",
)
_0_3_64: Final = Profile(
    version="0.3.64",
    features={"supports_preview_metadata": True, "max_upload_size": MAX_UPLOAD_BYTES},
    jobs=False,
    uuid_ids=False,
    secrets_hidden=False,
    create_time=False,
    cached_outputs_without_client=True,
    intermediate_outputs=False,
    preview_method=False,
    progress_interval=0.0,
    userdata_milliseconds=False,
    annotated_internal_names=False,
    active_attachments=False,
    cross_site_refused=False,
    platform_names=False,
    lenient_bodies=True,
)
_0_27_0: Final = Profile(
    version="0.27.0",
    features={
        "supports_preview_metadata": True,
        "supports_model_type_tags": True,
        "max_upload_size": MAX_UPLOAD_BYTES,
        "extension": {"manager": {"supports_v4": True}},
        "node_replacements": True,
        "assets": False,
    },
    jobs=True,
    uuid_ids=True,
    secrets_hidden=True,
    create_time=True,
    cached_outputs_without_client=False,
    intermediate_outputs=True,
    preview_method=True,
    progress_interval=0.1,
    userdata_milliseconds=True,
    annotated_internal_names=True,
    active_attachments=True,
    cross_site_refused=True,
    platform_names=True,
    lenient_bodies=False,
    model_folders=_FOLDERS_0_27,
)
_0_33_0: Final = replace(
    _0_27_0,
    version="0.33.0",
    cached_outputs_without_client=True,  # since 0.28
    model_folders=("datasets", *_FOLDERS_0_27),
    previewable_counts=True,
    text_stands_last=True,
    svg_as_image=True,
    user_css_inline=True,
    tag_filters=True,
)
_0_37_0: Final = replace(
    _0_33_0,
    version="0.37.0",  # the first after 0.36: what is new is read from the source, not recorded
    features={**_0_27_0.features, "supports_node_failure_policy": True},
    loops=True,
    node_failure_policy=True,
)
PROFILES: Final = {profile.version: profile for profile in (_0_3_64, _0_27_0, _0_33_0, _0_37_0)}
DEFAULT_PROFILE: Final = "0.33.0"
