"""The service over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp

from .._version import __version__
from ..batch.record import STATES, SavedOutput, State
from ..bounds import SERVED_PAGE
from ..errors import ComfyflowError
from ..nearest import did_you_mean
from .access import Access, ApiKey
from .answer import (
    ChoicesAnswer,
    HealthAnswer,
    JobAnswer,
    JobsAnswer,
    OpenedAnswer,
    WorkflowsAnswer,
)
from .event_stream import event_stream
from .file_choices import FileChoices
from .guard import Guard
from .job_ledger import KnownJob
from .job_workflow import job_workflow, open_job
from .metrics import MEDIA_TYPE as METRICS_TYPE
from .openapi import job_operation, refusals
from .output import OutputThumbnails, output_response
from .page import service_page
from .refusal import Refusal
from .request_body import LONGEST_KEY, header_text, read_values
from .served_workflow import ServedWorkflow
from .service import Service
from .webhook import LONGEST_URL

_CANCEL_SECONDS: Final = 10.0
_LONGEST_WAIT: Final = 60.0
_DIGITS: Final = 18


def create_app(service: Service, access: Access | None = None, *, names: Collection[str] = ()) -> ASGIApp:
    """The service as an ASGI application.

    Args:
        service: Accepts and runs the jobs; its creator starts and closes it.
        access: Who may use it; by default everyone.
        names: The machine's host names, in addition to ``localhost`` and its addresses.
    """
    app = FastAPI(
        title="comfyflow",
        version=__version__,
        summary="ComfyUI workflows with typed parameters.",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    routes = _Routes(service, access or Access())
    routes.add_to(app)
    for error in (Refusal, ComfyflowError, HTTPException):
        app.add_exception_handler(error, routes.refused)
    return Guard(app, names)


class _SchemaResponse(JSONResponse):
    media_type = "application/schema+json"


def _methods(request: Request) -> list[str]:
    """The methods that an address supports."""
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in routes for method in route.methods})


class _Routes:
    """The addresses and their handlers."""

    def __init__(self, service: Service, access: Access) -> None:
        self._service = service
        self._access = access
        self._choices = FileChoices(service)
        self._thumbnails = OutputThumbnails(service.options.out)

    def add_to(self, app: FastAPI) -> None:
        """Add them to an application."""

        def add(path: str, answer: Callable[..., Any], method: str = "GET", **more: Any) -> None:
            more.setdefault("responses", refusals(401, 404) if "{" in path else refusals(401))
            app.add_api_route(path, answer, methods=[method], **more)
            if method == "GET":  # RFC 9110: a resource that supports GET supports HEAD
                app.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False)

        add("/", self.show_page, include_in_schema=False)
        add("/healthz", self.health, response_model=HealthAnswer, responses={503: {"model": HealthAnswer}})
        add("/workflows", self.list_workflows, response_model=WorkflowsAnswer)
        add("/workflows/{name}/schema", self.workflow_schema, response_class=_SchemaResponse)
        add("/workflows/{name}/choices", self.workflow_choices, response_model=ChoicesAnswer)
        for workflow in self._service.workflows.values():
            add(f"/workflows/{workflow.name}/jobs", self._taker(workflow), "POST", **job_operation(workflow))
        add("/workflows/{name}/jobs", self.no_workflow, "POST", include_in_schema=False)
        add("/metrics", self.show_metrics, response_class=PlainTextResponse)
        add("/jobs", self.list_jobs, response_model=JobsAnswer, responses=refusals(401, 422))
        add("/jobs/{job_id}", self.show_job, response_model=JobAnswer)
        add("/jobs/{job_id}", self.cancel_job, "DELETE", response_model=JobAnswer)
        add("/jobs/{job_id}/events", self.job_events, response_class=StreamingResponse)
        gone = refusals(401, 404, 410)
        output = "/jobs/{job_id}/outputs/{n}"
        add(output, self.job_output, response_class=FileResponse, responses=gone)
        add(f"{output}/thumbnail", self.job_thumbnail, response_class=FileResponse, responses=gone)
        add("/jobs/{job_id}/workflow", self.job_workflow, responses=gone)
        add("/jobs/{job_id}/open", self.open_job, "POST", response_model=OpenedAnswer, responses=gone)

    async def refused(self, request: Request, error: Exception) -> Response:
        """Say why a request is refused."""
        more: Mapping[str, str] = {}
        if isinstance(error, HTTPException):
            if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                more = {"Allow": ", ".join(_methods(request))}
            code = "not_found" if error.status_code == HTTPStatus.NOT_FOUND else "refused"
            error = Refusal(error.status_code, code, error.detail)
        elif not isinstance(error, Refusal):  # the ledger, a disk
            error = Refusal(
                503, "not_ready", self._service.paths.hidden(str(error).partition("\n")[0]), retry=5
            )
        return JSONResponse(error.body(), error.status, {**more, **error.headers()})

    def _who(self, request: Request) -> ApiKey:
        return self._access.who(request.headers)

    def _answer(self, known: KnownJob, status: int = 200, **headers: str) -> JSONResponse:
        found = {name.replace("_", "-"): value for name, value in headers.items()}
        return JSONResponse(self._service.told(known), status, {"Cache-Control": "no-store", **found})

    async def show_page(self) -> Response:
        """Give the page; without an API key, for it asks for one."""
        page = service_page()
        headers = {"Content-Security-Policy": page.policy, "Cache-Control": "no-cache"}
        return HTMLResponse(page.text, headers=headers)

    async def health(self) -> Response:
        """Report the health of the service; needs no API key."""
        service = self._service
        servers = service.servers
        answering = any(servers.values())
        status = "not_ready" if not service.is_ready else "ok" if answering else "no_server"
        body = {
            "status": status,
            "version": __version__,
            "servers": servers if self._access.is_open else {},
            **service.counts,
        }
        return JSONResponse(body, 503 if status == "not_ready" else 200, {"Cache-Control": "no-store"})

    async def show_metrics(self, request: Request) -> Response:
        """Report the metrics, for Prometheus."""
        self._who(request)
        service = self._service
        return Response(service.metrics.text(service.counts, service.servers), media_type=METRICS_TYPE)

    async def list_workflows(self, request: Request) -> Response:
        """List the served workflows."""
        self._who(request)
        found = [
            {
                "name": each.name,
                "description": each.description,
                "jobs": f"/workflows/{each.name}/jobs",
                "schema_url": f"/workflows/{each.name}/schema",
                "example": each.example(),
            }
            for each in self._service.workflows.values()
        ]
        return JSONResponse({"workflows": found, "editor": self._service.options.editor})

    async def workflow_schema(self, request: Request, name: str) -> Response:
        """Return the JSON Schema of a workflow's parameters."""
        self._who(request)
        return _SchemaResponse(self._workflow(name).schema)

    async def workflow_choices(self, request: Request, name: str) -> JSONResponse:
        """List the files that the servers have for parameters with `x-files`: models, LoRAs, …."""
        self._who(request)
        found = await self._choices.of(self._workflow(name))
        return JSONResponse({"choices": found}, headers={"Cache-Control": "no-store"})

    def _workflow(self, name: str) -> ServedWorkflow:
        found = self._service.workflows.get(name)
        if found is None:
            known = [*self._service.workflows]
            hint = did_you_mean(name, known, f"there are: {', '.join(known)}")
            raise Refusal(404, "not_found", f"unknown workflow {name[:100]!r}; {hint}")
        return found

    async def no_workflow(self, request: Request, name: str) -> Response:
        """Answer that a workflow is unknown."""
        self._who(request)
        self._workflow(name)
        raise Refusal(404, "not_found", f"unknown workflow {name[:100]!r}")

    def _taker(self, workflow: ServedWorkflow) -> Callable[[Request], Awaitable[Response]]:
        async def take_job(request: Request) -> Response:
            key = self._who(request)
            headers: Mapping[str, str] = request.headers
            idempotency_key = header_text(headers, "Idempotency-Key", LONGEST_KEY)
            webhook = header_text(headers, "Webhook-URL", LONGEST_URL)
            if webhook is not None:
                self._service.webhooks.options.check(webhook)
            seconds = _wait_seconds(headers.get("prefer", ""))
            self._service.limit(key.name, key.queue)
            self._access.spend(key)
            try:
                given = await read_values(request, workflow, self._service.uploads)
                values, problems = workflow.check(given)
                if problems:
                    detail = "; ".join(each.message for each in problems[:3])
                    raise Refusal(422, "invalid_parameters", detail, problems)
                known, is_new = await self._service.submit(
                    workflow, values, owner=key.name, most=key.queue, key=idempotency_key, webhook=webhook
                )
            except Exception:  # not when it is cancelled: the job may exist by then
                self._access.give_back(key)
                raise
            if not is_new:
                self._access.give_back(key)
            if seconds:
                known = await self._service.wait(known, seconds)
            replayed = {} if is_new else {"Idempotency_Replayed": "true"}
            return self._answer(known, 202 if is_new else 200, Location=f"/jobs/{known.job.id}", **replayed)

        take_job.__name__ = f"run_{workflow.name}"
        return take_job

    async def list_jobs(self, request: Request) -> Response:
        """List jobs, the newest first."""
        key = self._who(request)
        asked = request.query_params
        limit = _whole(asked.get("limit", "50"), "limit", 1, SERVED_PAGE)
        before = _whole(asked["before"], "before", 0, 10**_DIGITS) if "before" in asked else None
        state: State | None = next((each for each in STATES if each == asked.get("state")), None)
        if "state" in asked and state is None:
            raise Refusal(422, "bad_query", f"state must be one of {', '.join(STATES)}")
        workflow = asked.get("workflow")
        found = await self._service.ask(
            lambda ledger: ledger.jobs(key.name, workflow=workflow, state=state, before=before, limit=limit)
        )
        more = None
        if len(found) == limit:
            more = str(
                request.url.include_query_params(before=found[-1].job.row).replace(scheme="", netloc="")
            )
        body = {"jobs": [self._service.told(each) for each in found], "next": more}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def show_job(self, request: Request, job_id: str) -> Response:
        """Show a job."""
        return self._answer(self._service.job(job_id, self._who(request).name))

    async def cancel_job(self, request: Request, job_id: str) -> Response:
        """Cancel a job that waits or runs. One that has ended does not change."""
        known = await self._service.cancel(job_id, self._who(request).name, _CANCEL_SECONDS)
        return self._answer(known)

    async def job_events(self, request: Request, job_id: str) -> Response:
        """Stream a job's events (server-sent events): `state`, `progress`, `server`, `preview`, `text`.

        The stream begins with the whole state, or after `Last-Event-ID`. It ends after the final state.
        """
        known = self._service.job(job_id, self._who(request).name)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(headers=headers, media_type="text/event-stream")
        last = request.headers.get("last-event-id", "")
        return StreamingResponse(
            event_stream(self._service, known, last), media_type="text/event-stream", headers=headers
        )

    async def job_output(self, request: Request, job_id: str, n: str) -> Response:
        """Return a job's file; supports `Range` and `If-None-Match`."""
        return await output_response(request, self._service.options.out, self._file(request, job_id, n))

    async def job_thumbnail(self, request: Request, job_id: str, n: str) -> Response:
        """Return a small picture of a job's file if it is a large one; otherwise the file itself."""
        return await self._thumbnails.response(request, self._file(request, job_id, n))

    def _file(self, request: Request, job_id: str, n: str) -> SavedOutput:
        files = self._service.job(job_id, self._who(request).name).record.files
        number = int(n) if n.isascii() and n.isdigit() and len(n) < _DIGITS else len(files)
        if number >= len(files):
            raise Refusal(
                404, "not_found", f"job {job_id[:64]} has no output {n[:20]!r}; it has {len(files)}"
            )
        return files[number]

    async def job_workflow(self, request: Request, job_id: str) -> JSONResponse:
        """Give a job's workflow as ComfyUI's editor reads it: drop the file on the editor."""
        known = self._service.job(job_id, self._who(request).name)
        made = await job_workflow(self._service, known)
        named = f'attachment; filename="{known.job.workflow}.json"'
        return JSONResponse(made, headers={"Content-Disposition": named, "Cache-Control": "no-store"})

    async def open_job(self, request: Request, job_id: str) -> JSONResponse:
        """Save a job's workflow in its server's list of workflows, where the editor opens it."""
        known = self._service.job(job_id, self._who(request).name)
        return JSONResponse(await open_job(self._service, known), headers={"Cache-Control": "no-store"})


def _whole(text: str, name: str, least: int, most: int) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else least - 1
    if not least <= value <= most:
        raise Refusal(422, "bad_query", f"{name} must be a whole number from {least:,} to {most:,}")
    return value


def _wait_seconds(prefer: str) -> float:
    """How long a client is willing to wait (RFC 7240: ``Prefer: wait=10``)."""
    for part in prefer.split(","):
        name, _, value = part.partition("=")
        if name.strip().lower() == "wait" and value.strip().isascii() and value.strip().isdigit():
            return min(float(value.strip()[:9]), _LONGEST_WAIT)
    return 0.0
