"""The jobs of a service: accepted, kept in the ledger, run on servers, and reported."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import time
import uuid
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..batch.driver import DEPTH
from ..batch.ledger import LEDGER_NAME
from ..batch.open_batch import OpenBatch
from ..batch.record import RowRecord
from ..batch.report import BatchEvent, ServerEvent
from ..batch.row import JSON, Row
from ..batch.server import PATIENCE
from ..client.run import Run
from ..errors import ComfyflowError
from ..timeout import within
from .answer import job_answer
from .channel import ENDED, ChannelFeed, Channels
from .job_ledger import AddedJob, JobLedger, KnownJob, OpenJob, ServedJob
from .job_maker import WORKFLOW, JobMaker, job_row
from .job_server import JobServers
from .local_path import LocalPaths
from .metrics import Metrics
from .refusal import Refusal
from .served_workflow import ServedWorkflow
from .upload_folder import UploadFolder, texts_of
from .webhook import WebhookOptions, Webhooks

if TYPE_CHECKING:
    from ..client import ClientOptions

T = TypeVar("T")

UPLOADS: Final = "uploads"
"""The folder of files that came with requests, in the output folder."""

_LOG: Final = logging.getLogger("comfyflow.serve")
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
"""Seconds before retrying after a general failure (a full disk); they double."""


@dataclass(frozen=True)
class ServiceOptions:
    """How a service runs its jobs.

    Attributes:
        servers: The addresses of the servers.
        out: The folder of outputs, uploads and ledger.
        options: How to connect to servers.
        depth: How many jobs to queue per server.
        queue: How many jobs may wait or run, of all clients.
        allow_paid: Whether to allow nodes that call paid services.
        patience: Seconds that a server may be away before its jobs are sent elsewhere.
        webhooks: The options for webhooks.
        editor: Whether the servers have an editor, and who may send jobs may save workflows for it.
    """

    servers: tuple[str, ...]
    out: Path
    options: ClientOptions
    depth: int = DEPTH
    queue: int = 10_000
    allow_paid: bool = False
    patience: float = PATIENCE
    webhooks: WebhookOptions = field(default_factory=WebhookOptions)
    editor: bool = False


class Service:
    """Runs jobs; used by one event loop.

    Args:
        workflows: The served workflows, by name.
        options: How to run them.
    """

    def __init__(self, workflows: Mapping[str, ServedWorkflow], options: ServiceOptions) -> None:
        self.workflows: Final = workflows
        self.options: Final = options
        self.channels: Final = Channels()
        self.uploads: Final = UploadFolder(options.out / UPLOADS)
        self.failure: str = ""
        """Why no jobs can be accepted at the moment; empty if they can."""
        self.metrics: Final = Metrics()
        self.paths: Final = LocalPaths([options.out, *(each.folder for each in workflows.values())])
        self.webhooks: Final = Webhooks(options.webhooks, self.ask, self.told)
        self._batch: OpenBatch | None = None
        self._ledger: JobLedger | None = None
        self._reader: JobLedger | None = None
        self._ready = asyncio.Event()
        self._closing = False
        self._runner: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._next = 0
        self._missing: set[str] = set()
        self._open: dict[int, OpenJob] = {}
        self._owned: Counter[str] = Counter()
        self._writing: dict[int, asyncio.Future[None]] = {}
        self._taking: dict[tuple[str, str, str], asyncio.Task[KnownJob]] = {}

    # Start and end

    async def start(self) -> None:
        """Open the ledger, resume what an earlier process left, and start.

        Raises:
            LedgerError: The ledger cannot be used: another process has it, or it belongs to a batch.
        """
        self._runner = asyncio.create_task(self._run())
        opened = asyncio.create_task(self._ready.wait())
        await asyncio.wait({self._runner, opened}, return_when=asyncio.FIRST_COMPLETED)
        if not self._ready.is_set():
            opened.cancel()
            await self._runner
        self._telling = asyncio.create_task(self.webhooks.run())

    async def close(self) -> None:
        """Stop. Prompts stay on the servers, for the next process to find."""
        self._closing = True
        tasks = [each for each in (self._runner, self._telling) if each is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        pause, began = _FIRST_PAUSE, False
        while not self._closing:
            batch = OpenBatch(
                self.maker(allow_paid=self.options.allow_paid),
                servers=JobServers(
                    self.options.servers,
                    self.options.options,
                    on_run=self._followed,
                    allow_paid=self.options.allow_paid,
                    patience=self.options.patience,
                ),
                out=self.options.out,
                ledger=self._open_ledger,
                depth=self.options.depth,
                on_event=self._heard,
                on_open=self._begin,
                waits=self._waits,
            )
            since = time.monotonic()
            try:
                await batch.run()
            except Exception as error:
                if not began and not self._ready.is_set():
                    raise
                self.failure = str(error).partition("\n")[0] or type(error).__name__
                if isinstance(error, (ComfyflowError, OSError)):
                    _LOG.error("%s", self.failure)
                else:  # our own bug: a service that accepts jobs must not stop running them
                    _LOG.exception("the jobs are resumed")
            finally:
                began = began or self._ready.is_set()
                self._ended()
            pause = _FIRST_PAUSE if time.monotonic() - since > _LONGEST_PAUSE else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _open_ledger(self, folder: Path) -> JobLedger:
        path = folder / LEDGER_NAME
        self._reader = JobLedger(path)  # first: `_ended` closes it if the other cannot be opened
        self._ledger = JobLedger(path)
        return self._ledger

    def _waits(self, row: Row) -> bool:
        """Whether a job waits until its workflow is served again."""
        name = str(row.parameters.get(WORKFLOW))
        if name in self.workflows:
            return False
        if name not in self._missing:
            self._missing.add(name)
            _LOG.warning("jobs of %.100r wait until it is served again", name)
        return True

    def _begin(self, batch: OpenBatch) -> None:
        self._batch = batch
        self._opening = asyncio.create_task(self._count())

    async def _count(self) -> None:
        """Count the jobs; only then are new ones accepted."""
        self._next, opened = await self.ask(lambda ledger: (ledger.size, ledger.open_jobs()))
        self._know(opened)
        self.failure = ""
        self._ready.set()
        self.webhooks.wake()

    def _know(self, opened: dict[int, OpenJob]) -> None:
        self._open = opened
        self._owned = Counter(each.owner for each in opened.values())

    def _ended(self) -> None:
        self._ready.clear()
        if self._reader is not None:
            self._reader.close()
        self._batch = self._ledger = self._reader = None
        if self._opening is not None:
            self._opening.cancel()
        for future in self._writing.values():
            if not future.done():
                future.set_exception(self._unready())
        self._writing.clear()

    # Queries

    @property
    def is_ready(self) -> bool:
        """Whether jobs are accepted."""
        return self._ready.is_set()

    @property
    def servers(self) -> dict[str, bool]:
        """The servers, and whether each answers."""
        if self._batch is None:
            return dict.fromkeys(self.options.servers, False)
        return {each.url: each.available for each in self._batch.standing.servers}

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs wait, and how many run."""
        if self._batch is None:
            return {"pending": 0, "in_progress": 0}
        counts = self._batch.standing.counts
        return {state: counts.get(state, 0) for state in ("pending", "in_progress")}

    def read(self, act: Callable[[JobLedger], T]) -> T:
        """Look at a single job in the ledger, at once.

        A lookup is cheaper than switching to another thread, where it would wait for pending writes.

        Raises:
            Refusal: It cannot be queried at the moment.
            LedgerError: It cannot be read.
        """
        if self._batch is None or self._reader is None:
            raise self._unready()
        return act(self._reader)

    async def ask(self, act: Callable[[JobLedger], T]) -> T:
        """Ask the ledger for more than a single job, or have it written to.

        Raises:
            Refusal: It cannot be queried at the moment.
            LedgerError: It cannot be read.
        """
        batch, ledger = self._batch, self._ledger
        if batch is None or ledger is None:
            raise self._unready()
        return await batch.call(lambda: act(ledger))

    def _unready(self) -> Refusal:
        said = f": {self.paths.hidden(self.failure)}" if self.failure else ""
        return Refusal(503, "not_ready", f"jobs cannot be accepted at the moment{said}; try again", retry=5)

    def job(self, job_id: str, owner: str) -> KnownJob:
        """A job of an owner.

        Raises:
            Refusal: There is none.
        """
        known = self.read(lambda ledger: ledger.job(job_id))
        if known is None or known.job.owner != owner:
            raise Refusal(404, "not_found", f"unknown job {job_id[:64]!r}")
        return known

    def maker(self, *, allow_paid: bool) -> JobMaker:
        """Makes the prompts of jobs.

        Args:
            allow_paid: Whether nodes may be in them that call paid services.
        """
        return JobMaker(self.workflows, self.uploads, allow_paid=allow_paid)

    def told(self, known: KnownJob) -> dict[str, Any]:
        """Describe a job for clients.

        Args:
            known: The job.
        """
        answer = job_answer(known, self.paths, self.channels.find(known.job.row))
        if known.record.state == "pending":
            answer["before"] = bisect_left(sorted(self._open), known.job.row)
        return answer

    # Jobs

    def limit(self, owner: str, most: int) -> None:
        """Check whether an owner may send one more job.

        Args:
            owner: The owner.
            most: How many of the owner's jobs may wait or run.

        Raises:
            Refusal: There are too many.
        """
        own, total = self._owned[owner], len(self._open)
        if own >= most:
            raise Refusal(429, "queue_full", f"{own:,} of your jobs wait or run", retry=5)
        if total >= self.options.queue:
            raise Refusal(429, "queue_full", f"{total:,} jobs wait or run", retry=5)

    async def submit(
        self,
        workflow: ServedWorkflow,
        values: Mapping[str, JSON],
        *,
        owner: str = "",
        most: int = 1 << 31,
        key: str | None = None,
        webhook: str | None = None,
    ) -> tuple[KnownJob, bool]:
        """Accept a job; it is in the ledger when this returns.

        Args:
            workflow: The workflow to run.
            values: Parameters that have passed `ServedWorkflow.check`.
            owner: The job's owner.
            most: How many jobs of the owner may wait or run.
            key: A key under which the same request is accepted only once, however often it comes.
            webhook: The address to notify of its end.

        Returns:
            The job, and whether it is new.

        Raises:
            Refusal: It is not accepted.
        """
        request = _digest(workflow.name, values, webhook)
        if key is None:
            return await self._take(workflow, values, owner, most, None, webhook, request), True
        place = (owner, workflow.name, key)
        while (other := self._taking.get(place)) is not None:
            await asyncio.wait({other})
        known = self.read(lambda ledger: ledger.job_with_key(*place))
        if known is None:
            # The caller may be cancelled while the job is written; its key is in use until it is.
            taking = asyncio.create_task(self._take(workflow, values, owner, most, key, webhook, request))
            self._taking[place] = taking
            taking.add_done_callback(lambda _: self._taking.pop(place))
            return await asyncio.shield(taking), True
        if known.job.request != request:
            raise Refusal(
                422,
                "idempotency_key_reuse",
                f"the Idempotency-Key was used for a different request, of job {known.job.id}; use a new one",
            )
        return known, False

    async def _take(
        self,
        workflow: ServedWorkflow,
        values: Mapping[str, JSON],
        owner: str,
        most: int,
        key: str | None,
        webhook: str | None,
        request: str,
    ) -> KnownJob:
        batch = self._batch
        if batch is None or not self.is_ready:
            raise self._unready()
        self.limit(owner, most)
        number = self._next
        row = job_row(number, workflow.name, values)
        read = batch.prepared(row)
        if read.prepared is None:
            raise Refusal(422, "invalid_workflow", self.paths.hidden(read.problem, texts_of(values)))
        self._next += 1
        job = ServedJob(number, str(uuid.uuid4()), workflow.name, owner, time.time(), request, key, webhook)
        written = self._writing[number] = asyncio.get_running_loop().create_future()
        self._open[number] = OpenJob(owner, workflow.name, job.created, webhook is not None)
        self._owned[owner] += 1
        batch.add(read, AddedJob(number, row.parameters, job))
        await asyncio.shield(written)
        return KnownJob(job, RowRecord(number, row.parameters, "pending"))

    async def cancel(self, job_id: str, owner: str, seconds: float) -> KnownJob:
        """Cancel a job that waits or runs.

        Args:
            job_id: Its id.
            owner: The job's owner.
            seconds: How long to wait until it is removed from the server.

        Returns:
            The job afterwards; one that had ended is unchanged.

        Raises:
            Refusal: There is none.
        """
        known = self.job(job_id, owner)
        if known.record.state in ENDED or self._batch is None:
            return known
        self._batch.cancel(known.job.row)
        return await self.wait(known, seconds)

    async def wait(self, known: KnownJob, seconds: float) -> KnownJob:
        """Wait for a job's end.

        Args:
            known: The job.
            seconds: The longest wait.

        Returns:
            The job afterwards.
        """
        row = known.job.row
        if known.record.state not in ENDED and row in self._open:
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self.channels.of(row).over.wait(), seconds)
        return self.read(lambda ledger: ledger.job_of_row(row)) or known

    # Events

    def _heard(self, event: BatchEvent) -> None:
        if isinstance(event, ServerEvent):
            if not event.available:
                _LOG.warning("%s is skipped for a while: %s", event.url, event.reason)
            return
        number, state = event.number, event.state
        written = self._writing.pop(number, None)
        if written is not None and not written.done():
            written.set_result(None)
        job = self._open.get(number)
        if job is None:
            self._recount()  # someone has retried it with `comfyflow batch retry`
        else:
            self.metrics.moved(job, event)
        if state in ENDED:
            if job is not None:
                del self._open[number]
                self._owned[job.owner] -= 1
            if job is None or job.webhook:
                self.webhooks.wake()
        self.channels.state(number, state)

    def _recount(self) -> None:
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._recounted())

    async def _recounted(self) -> None:
        try:
            self._know(await self.ask(lambda ledger: ledger.open_jobs()))
        except ComfyflowError as error:
            _LOG.warning("%s", error)

    def _followed(self, row: int, run: Run) -> None:
        run.follow(ChannelFeed(self.channels.of(row).hear))
        self.metrics.follow(run)


def _digest(workflow: str, values: Mapping[str, JSON], webhook: str | None) -> str:
    known: Sequence[Any] = [workflow, values, webhook]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
