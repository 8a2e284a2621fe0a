"""The metrics of a service, for Prometheus."""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ..batch.report import RowEvent
from ..client.run import Run
from ..client.run_event import NodeFinished, NodeStarted, RunDone, RunEvent
from .channel import ENDED, ChannelFeed
from .job_ledger import OpenJob

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """The metrics."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._jobs = Counter(
            "comfyflow_jobs", "Jobs that have ended.", ("workflow", "state"), registry=registry
        )
        self._failures = Counter(
            "comfyflow_failures", "Attempts that failed.", ("workflow", "failure"), registry=registry
        )
        self._seconds = Histogram(
            "comfyflow_job_seconds",
            "Seconds from the request to the end.",
            ("workflow",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._node_seconds = Histogram(
            "comfyflow_node_seconds", "A node's run.", ("class_type",), registry=registry, buckets=_SECONDS
        )
        self._queue = Gauge("comfyflow_queue", "Jobs that wait or run.", ("state",), registry=registry)
        self._servers = Gauge("comfyflow_server_up", "Whether it answers.", ("server",), registry=registry)

    def moved(self, job: OpenJob, event: RowEvent) -> None:
        """Count a job's change of state."""
        if event.failure is not None:
            self._failures.labels(job.workflow, event.failure).inc()
        if event.state in ENDED:
            self._jobs.labels(job.workflow, event.state).inc()
            if event.state == "completed":
                self._seconds.labels(job.workflow).observe(max(0.0, time.time() - job.created))

    def follow(self, run: Run) -> None:
        """Measure the nodes of a run."""
        began: dict[str, float] = {}

        def end(node_id: str) -> None:
            since = began.pop(node_id, None)
            name = run.nodes[node_id].class_type if node_id in run.nodes else ""
            if since is not None and name:
                self._node_seconds.labels(name).observe(time.monotonic() - since)

        def hear(event: RunEvent) -> None:
            if isinstance(event, NodeStarted):
                for node_id in [*began]:  # older servers do not report the end
                    end(node_id)
                began[event.node.node_id] = time.monotonic()
            elif isinstance(event, NodeFinished):
                end(event.node.node_id)
            elif isinstance(event, RunDone):
                for node_id in [*began]:
                    end(node_id)

        run.follow(ChannelFeed(hear))

    def text(self, counts: dict[str, int], servers: dict[str, bool]) -> bytes:
        """All metrics in Prometheus's format.

        Args:
            counts: How many jobs wait, and how many run.
            servers: The servers, and whether each answers.
        """
        for state, count in counts.items():
            self._queue.labels(state).set(count)
        for server, answers in servers.items():
            self._servers.labels(server).set(answers)
        return generate_latest(self._registry)
