"""The Comfy API v2 as a `Backend`: jobs, assets, and a stream of events for each job.

Comfy Cloud serves it, and so does comfy-api-proxy in front of a ComfyUI. It has no list of node classes, no
folders, no text outputs and no priorities.

A job is sent with an ``Idempotency-Key``: sending it again is refused, without saying which job the first one
became (comfy-api-proxy 0.1.6; other servers return the first job). So each job is labelled with the id that
this package gives the prompt, and is found by it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from ..errors import ServerError, ServerUnreachable
from ..graph.prompt import sources_of
from ..graph.walk import upstream
from ..input_file import UploadedFile
from ..json_types import array_or_empty, is_object, object_or_empty
from ..output_file import OutputFile
from .api_v2_assets import content_request, upload_asset, v2_request, with_assets
from .api_v2_events import follow_job
from .api_v2_job import LABEL, ApiJob, as_comfyui_refusal, error_code, read_api_job
from .backend import Sighting, no_such_feature
from .core import Core, ask, call, error_of, fetch_json, may_pass, parse_json, retry_after
from .flow import Answer, Begin, Flow, Request, segment
from .routes.file_routes import IDENTITY
from .run import Run
from .run_event import Outcome
from .submission import QueuedPrompt, Submission, prompt_body, read_refusal

if TYPE_CHECKING:
    from ..schema import Schema
    from ..source import Source
    from ..validate import Report
    from .options import RunSettings
    from .running import Started

_JOBS: Final = "/api/v2/jobs"


_LOOKS: Final = (0.0, 0.1, 0.3, 0.8, 2.0)
"""Pauses before each search for a job that may or may not have been accepted."""


_LISTED: Final = 100
"""How many jobs this search looks at, the newest first."""


_PARTNER_KEY: Final = "api_key_comfy_org"


_MISSING: Final[list[dict[str, Any]]] = [
    {
        "type": "output_missing",
        "message": "No file of it came",
        "details": "the server may have dropped it because of a mistake, or it gives only text: "
        "the Comfy API v2 reports neither",
        "extra_info": {},
    }
]

Label: TypeAlias = Callable[[str], object]
"""A form of the label of a job: servers differ in what they take."""


class ApiV2:
    """A Comfy API v2 server, as one client knows it."""

    name: ClassVar[str] = "comfy-api-v2"
    has_socket: ClassVar[bool] = False
    has_folders: ClassVar[bool] = False
    keeps_ids: ClassVar[bool] = False

    def __init__(self) -> None:
        self._labels: list[Label] = [_as_map, _as_text]
        """The forms that a job's label may have, the likeliest first."""

    def refuse(self, options: RunSettings) -> None:
        """Refuse options that the API does not support.

        Raises:
            ClientError: Names the option, and what to do instead.
        """
        for name in ("front", "number"):
            if getattr(options, name) not in (None, False):
                raise no_such_feature(f"{name}=", "Jobs run in the order they are sent: leave it out")
        if options.node_failure_policy is not None:
            raise no_such_feature(
                "node_failure_policy=", "The first node that fails ends the job: leave it out"
            )
        if options.editor_workflow is not None:
            raise no_such_feature(
                "editor_workflow=",
                "Files carry only the prompt, which the editor opens too: leave it out",
            )
        strange = [name for name in options.extra_data or {} if name != _PARTNER_KEY]
        if strange:
            raise no_such_feature(
                f"extra_data[{strange[0]!r}]", f"It takes only {_PARTNER_KEY}: use partner_api_key="
            )

    def submit(self, core: Core, run: Run, submission: Submission, prepared: Source) -> Flow[QueuedPrompt]:
        """Send a job exactly once.

        Args:
            core: The client.
            run: The prompt; its id is the job's key and label. The job gets its own id.
            submission: What is sent.
            prepared: What the prompt was made from, for messages.

        Raises:
            PromptRejected: The server refuses it.
            ServerError: The server answered with another error.
            ServerUnreachable: The server did not answer, and may not have the job.
        """
        doubtful, attempt = False, 0
        while True:
            pause = core.jitter(attempt)
            label = next(iter(self._labels), None)
            request = self._submission(core, run, submission, prepared, label)
            failure: ServerError | ServerUnreachable
            try:
                answer = yield from ask(core, request)
            except ServerUnreachable as error:
                failure = error
                doubtful = doubtful or not error.unsent
            else:
                job = _accepted(core, request, answer)
                if job is not None:
                    return QueuedPrompt(None, {}, job.id)
                code = error_code(answer)
                if code == "idempotency_key_reuse":
                    doubtful = True
                    failure = error_of(core, request, answer)
                    break
                if label is not None and self._refuses(label, answer, code):
                    continue
                failure = error_of(core, request, answer)
                if answer.status in (400, 422):
                    raise read_refusal(as_comfyui_refusal(answer), prepared.prompt, prepared.places, failure)
                if not (may_pass(failure) or answer.status == 409):
                    raise failure
                pause = max(pause, retry_after(answer))
                doubtful = doubtful or answer.status >= 500 or answer.ok
            if attempt == core.limits.retries or core.left() == 0.0:
                break
            attempt += 1
            yield from core.pause(pause)
        if not doubtful:
            raise failure
        return (yield from self._sent(core, run, failure))

    def _sent(self, core: Core, run: Run, failure: ServerError | ServerUnreachable) -> Flow[QueuedPrompt]:
        """Find the job that was sent under an id when no answer has identified it.

        Raises:
            ServerUnreachable: There is no way to know.
            ServerError: The same, if the server has answered.
        """
        known = f"prompt {run.prompt_id} may or may not be queued: {failure}"
        for pause in _LOOKS:
            if pause:
                yield from core.pause(pause)
            try:
                job = yield from self._labelled(core, run.prompt_id)
            except (ServerError, ServerUnreachable) as error:
                known = f"prompt {run.prompt_id} may or may not be queued: {failure}; and since then {error}"
                continue
            if job is not None:
                return QueuedPrompt(None, {}, job.id)
        known += ". It was not sent again, because it might run twice"
        if isinstance(failure, ServerError):
            raise ServerError(known, failure.status, failure.body)
        raise ServerUnreachable(known, timed_out=failure.timed_out)

    def _labelled(self, core: Core, label: str) -> Flow[ApiJob | None]:
        """Find the job with a label among the newest; None if there is none."""
        request = v2_request(core, "GET", _JOBS, query=(("limit", str(_LISTED)),))
        said = yield from fetch_json(core, request, is_object)
        jobs = map(read_api_job, array_or_empty(said.get("jobs")))
        return next((job for job in jobs if job is not None and job.label == label), None)

    def _refuses(self, label: Label, answer: Answer, code: str) -> bool:
        """Whether a job was refused only because of the form of its label: then it is sent with another."""
        said = answer.content[:4096]
        refused = answer.status in (400, 422) and code != "invalid_workflow" and b"metadata" in said
        if refused:
            with contextlib.suppress(ValueError):  # of many that were sent at once, each is refused
                self._labels.remove(label)
        return refused

    def _submission(
        self, core: Core, run: Run, submission: Submission, prepared: Source, label: Label | None
    ) -> Request:
        body: dict[str, Any] = {"workflow": _workflow(submission)}
        if label is not None:
            body["metadata"] = label(run.prompt_id)
        key = (submission.extra_data or {}).get(_PARTNER_KEY)
        if key is not None:
            body["extra_data"] = {_PARTNER_KEY: key}
        content = prompt_body(body, submission, prepared)
        headers = {"Idempotency-Key": run.prompt_id}
        return v2_request(core, "POST", _JOBS, content=content, headers=headers, repeatable=False)

    def listen(self, core: Core, run: Run) -> Flow[None]:
        """See `Backend`."""
        if not run.polled:
            yield Begin(follow_job(core.within(None), run))

    def find(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """See `Backend`."""
        job = yield from self._job(core, prompt_id)
        return None if job is None else job.sighting

    def look(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """See `Backend`: one request finds a job in any state."""
        return self.find(core, prompt_id)

    def queued(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """See `Backend`."""
        seen = yield from self.find(core, prompt_id)
        return None if seen is None or seen.state == "ended" else seen

    def ended(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """See `Backend`."""
        seen = yield from self.find(core, prompt_id)
        return seen if seen is not None and seen.state == "ended" else None

    def _job(self, core: Core, job_id: str) -> Flow[ApiJob | None]:
        """Find a job by its id, or by the id of its prompt here; None if the server knows neither."""
        request = v2_request(core, "GET", f"{_JOBS}/{segment(job_id)}")
        try:
            said = yield from fetch_json(core, request, lambda value: read_api_job(value) is not None)
        except ServerError as error:
            if error.status == 404 and '"not_found"' in error.body:  # and not a proxy's page
                return (yield from self._labelled(core, job_id))
            raise
        return read_api_job(said)

    def expected(
        self, prompt: Mapping[str, Any], schema: Schema | None, targets: Sequence[str] | None
    ) -> frozenset[str]:
        """See `Backend`."""
        return frozenset(
            node_id
            for node_id, node in prompt.items()
            if schema is not None
            and (targets is None or node_id in targets)
            and (known := schema.get(object_or_empty(node).get("class_type"))) is not None
            and known.is_output_node
        )

    def dropped(self, run: Run, outcome: Outcome, started: Started) -> Report | None:
        """What to report about output nodes that gave nothing.

        ComfyUI drops an output that has a mistake and runs the others; the API does not report that.
        """
        if outcome.ending != "success":
            return None
        errors: dict[str, Any] = {
            node_id: {
                "class_type": run.nodes[node_id].class_type,
                "dependent_outputs": [node_id],
                "errors": _MISSING,
            }
            for node_id in sorted(started.outputs - outcome.outputs.keys())
        }
        if not errors:
            return None
        from ..validate import Report

        said = {"node_errors": errors}
        return Report.from_server(said, 200, prompt=started.prepared.prompt, places=started.prepared.places)

    def stop(self, core: Core, prompt_id: str, seen: Sighting) -> Flow[None]:
        """See `Backend`."""
        job_id = seen.prompt_id or prompt_id
        yield from call(core, v2_request(core, "POST", f"{_JOBS}/{segment(job_id)}/cancel"))

    def upload(
        self,
        core: Core,
        content: bytes | Path,
        name: str,
        kind: str,  # noqa: ARG002  # assets have only the input folder
        subfolder: str,
    ) -> Flow[UploadedFile]:
        """See `Backend`."""
        path = f"input/{subfolder}/{name}" if subfolder else name  # the first folder is its kind
        return UploadedFile(name, subfolder, asset_id=(yield from upload_asset(core, content, path)))

    def has_file(self, core: Core, text: str) -> Flow[bool | None]:  # noqa: ARG002  # there is no route to ask
        """See `Backend`: the API does not say."""
        yield from ()
        return None

    def file_request(self, core: Core, file: OutputFile, folder: str) -> Request:  # noqa: ARG002  # nor for folders
        """See `Backend`."""
        return content_request(core, file, IDENTITY)


def _accepted(core: Core, request: Request, answer: Answer) -> ApiJob | None:
    """The job in an answer; None if it is an error or cannot be read."""
    if not answer.ok:
        return None
    try:
        return read_api_job(parse_json(core, request, answer))
    except ServerError:
        return None


def _workflow(submission: Submission) -> Mapping[str, Any]:
    """The nodes that the wanted outputs need: the API runs everything that it is given."""
    prompt = with_assets(submission.prompt, submission.assets)
    if submission.targets is None:
        return prompt
    sources = {node_id: sources_of(node) for node_id, node in prompt.items()}
    needed = upstream(submission.targets, sources)
    return {node_id: node for node_id, node in prompt.items() if node_id in needed}


def _as_map(label: str) -> object:
    return {LABEL: label}


def _as_text(label: str) -> object:
    return label
