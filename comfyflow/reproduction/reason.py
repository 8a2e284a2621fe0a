"""Why a new output may differ from the original, as far as file and server reveal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..diff.value import brief
from ..embedded_text import embedded_values
from ..errors import BoundsError, MissingExtraError
from ..graph.prompt import read_nodes, sendable
from ..json_types import is_object
from ..problem import Severity

if TYPE_CHECKING:
    from .comparison import Comparison
    from .original import Original
    from .trial import Trial

_LISTED: Final = 6
_LOSSY: Final = frozenset({"JPEG", "AVIF", "HEIF", "MP4", "Matroska", "AVI", "MP3", "AAC", "Ogg"})
"""Kinds of files whose levels depend on the encoder and its version."""
_ON_DEVICE: Final = "_gpu"
"""The naming of ComfyUI samplers that draw their noise on the device: ``dpmpp_2m_sde_gpu``."""


@dataclass(frozen=True)
class Reason:
    """A possible reason for a different output.

    Attributes:
        code: ``cached``, ``simulated``, ``converted``, ``seed_control``, ``partner_node``,
            ``other_version``, ``other_editor_version``, ``custom_node``, ``device``, ``device_noise``,
            ``input_changed``, ``input_unknown``, ``model_changed``, ``model_unknown``, ``other_prompt``,
            ``other_size``, ``encoder``, ``lossy``; or the type of a `comfyflow.lock.Drift`.
        message: The reason, as a sentence.
        node_ids: The nodes concerned.
    """

    code: str
    message: str
    node_ids: Sequence[str] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The reason as plain JSON values."""
        return {"code": self.code, "message": self.message, "node_ids": list(self.node_ids)}

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


def reasons(trial: Trial, comparison: Comparison | None, new: bytes, cached: Sequence[str]) -> list[Reason]:
    """The possible reasons, the most likely first.

    Args:
        trial: The trial that was run.
        comparison: How close the new file is; None if there is none.
        new: The new file, or empty.
        cached: The nodes that the server did not run because it had their results.
    """
    found = list(_of_run(trial, cached))
    if comparison is None or comparison.closeness in ("alike", "different"):
        found += _of_content(trial, comparison)
    if comparison is not None and comparison.closeness != "bytes":
        found += _of_file(trial, comparison, new)
    return found


def _of_run(trial: Trial, cached: Sequence[str]) -> Iterator[Reason]:
    """Reasons that apply to a run, however close its output is."""
    if cached:
        whole = len(cached) >= len(trial.source.prompt)
        what = (
            "nothing was run" if whole else f"{len(cached)} of {len(trial.source.prompt)} nodes were not run"
        )
        yield Reason(
            "cached",
            f"{what}, because the server still had the results, which were compared (--fresh makes it drop "
            "them)",
            tuple(cached),
        )


def _of_content(trial: Trial, comparison: Comparison | None) -> Iterator[Reason]:
    """Reasons for different pixels or samples."""
    yield from _of_changed_inputs(trial)
    for model in trial.checked_models:
        if model.same is False:
            yield Reason(
                "model_changed",
                f"{model.path} is not the file that the workflow lists",
                model.node_ids,
            )
    if trial.simulated:
        yield Reason("simulated", "the simulator has no models: it paints what a prompt describes")
    if comparison is not None and comparison.form:
        yield Reason("other_size", "the file may have been cropped, resized or re-encoded after it was made")
    yield from _of_workflow(trial)
    yield from _of_unknown_inputs(trial)
    yield from _of_classes(trial)
    yield from _of_versions(trial)
    for drift in trial.drifts:
        if drift.severity != _UNTOLD:
            yield Reason(drift.type, drift.text, drift.node_ids)
    yield from _of_devices(trial)
    if trial.unchecked_models:
        yield Reason(
            "model_unknown",
            f"models are identified only by name, and the server may have different ones under these names: "
            f"{_listed(trial.unchecked_models)}",
        )


_UNTOLD: Final[Severity] = "note"


def _of_workflow(trial: Trial) -> Iterator[Reason]:
    original = trial.original
    if not original.converted:
        return
    yield Reason(
        "converted",
        "the file carries no prompt: one was made from the editor's workflow, in which random choices in "
        "text "
        "such as {a|b} are not settled",
    )
    if original.seed_controls:
        yield Reason(
            "seed_control",
            f"the editor changes the seed of {_nodes(original.seed_controls)} after each run: a workflow "
            "that was saved later has a different one",
            tuple(original.seed_controls),
        )


def _of_changed_inputs(trial: Trial) -> Iterator[Reason]:
    for file in trial.files:
        if file.same is False:
            yield Reason(
                "input_changed",
                f"{file} is not the file that was read: its SHA-256 is not {file.digest}",
                (file.node_id,),
            )


def _of_unknown_inputs(trial: Trial) -> Iterator[Reason]:
    unknown = [file for file in trial.files if file.same is None]
    if unknown:
        yield Reason(
            "input_unknown",
            f"it is unknown whether the input files have the same content: {_listed(map(str, unknown))}",
            tuple(file.node_id for file in unknown),
        )


def _of_classes(trial: Trial) -> Iterator[Reason]:
    partner = tuple(trial.partner_nodes)
    if partner:
        yield Reason(
            "partner_node",
            f"{_nodes(partner)} calls a paid service, which gives a new result each time",
            partner,
        )
    packs: dict[str, list[str]] = {}
    for node_id, node in trial.using(lambda node: node.of_pack).items():
        packs.setdefault(node.python_module.rpartition(".")[2], []).append(node_id)
    for pack, node_ids in packs.items():
        said = trial.original.versions.get(pack)
        version = f" (the file says {', '.join(said)})" if said else ""
        yield Reason(
            "custom_node",
            f"it is unknown whether {_nodes(node_ids)} of the pack {pack}{version} is deterministic",
            tuple(node_ids),
        )


def _of_versions(trial: Trial) -> Iterator[Reason]:
    server, locked = trial.version, trial.lock.version if trial.lock is not None else None
    if locked is not None and server is not None and locked != server:
        yield Reason("other_version", f"the server is ComfyUI {server}, but the lock is for {locked}")
    said = trial.original.core_versions
    if said and server is not None and server not in said:
        between = f"{said[0]} to {said[-1]}" if said[0] != said[-1] else f"{said[0]}"
        yield Reason(
            "other_version",
            f"the server is ComfyUI {server}, but the file's nodes were placed with {between}",
        )


def _of_devices(trial: Trial) -> Iterator[Reason]:
    noisy = [
        node_id
        for node_id, node in read_nodes(trial.source.prompt).items()
        if any(isinstance(value, str) and value.endswith(_ON_DEVICE) for value in node.inputs.values())
    ]
    if noisy:
        yield Reason(
            "device_noise",
            f"the sampler of {_nodes(noisy)} draws its noise on the device: a different device draws "
            "different noise",
            tuple(noisy),
        )
    device = trial.device
    if device and not trial.simulated:
        yield Reason(
            "device",
            f"the file does not record its device; this server computes on {brief(device)}, "
            "and other devices round differently",
        )


def _of_file(trial: Trial, comparison: Comparison, new: bytes) -> Iterator[Reason]:
    """Reasons for a different file with the same content, or different content with the same levels."""
    changed = _changed_prompt(trial, new)
    if changed:
        yield Reason(
            "other_prompt",
            f"the new file carries a different prompt: {_listed(changed)}",
        )
    elif comparison.closeness == "content":
        yield Reason("encoder", "the text next to the content differs, or the encoder version does")
    if comparison.closeness == "alike" and _loses(trial.original):
        yield Reason("lossy", f"{trial.original.kind} is lossy, and each encoder loses something different")


def _loses(original: Original) -> bool:
    lossy_webp = original.kind == "WebP" and original.data[12:16] == b"VP8 "
    return lossy_webp or original.kind in _LOSSY


def _changed_prompt(trial: Trial, new: bytes) -> list[str]:
    """The inputs that differ in the prompt that the new file carries."""
    try:
        carried: Any = embedded_values(new).get("prompt")
    except (BoundsError, MissingExtraError):
        return []
    if not is_object(carried) or trial.original.prompt is None:
        return []
    old, now = (
        read_nodes(sendable(prompt) if all(map(is_object, prompt.values())) else prompt)
        for prompt in (trial.original.prompt, carried)
    )
    found: list[str] = []
    for node_id in dict.fromkeys((*old, *now)):
        before, after = old.get(node_id), now.get(node_id)
        if before is None or after is None or before.class_type != after.class_type:
            found.append(f"#{node_id}")
            continue
        found += [
            f"#{node_id}.{name}"
            for name in dict.fromkeys((*before.inputs, *after.inputs))
            if not _same(before.inputs, after.inputs, name)
        ]
    return found


def _same(one: Mapping[str, Any], other: Mapping[str, Any], name: str) -> bool:
    return name in one and name in other and bool(one[name] == other[name])


def _nodes(node_ids: Sequence[str]) -> str:
    return _listed(f"#{node_id}" for node_id in node_ids)


def _listed(texts: Iterable[str]) -> str:
    every = [brief(text) if len(text) > _LONGEST else text for text in texts]
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return ", ".join(every[:_LISTED]) + more


_LONGEST: Final = 120
