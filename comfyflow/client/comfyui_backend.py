"""ComfyUI's own routes as a `Backend`: queue, history and one WebSocket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..errors import ServerError
from ..input_file import UploadedFile, bare_name
from ..output_file import OutputFile
from .backend import Sighting
from .core import Core, call
from .flow import Flow, Request
from .routes.file_routes import view_request
from .routes.queue_routes import delete_queued, history_entry, interrupt, queue
from .routes.upload_routes import store_image
from .run import Run
from .run_event import Outcome
from .submission import QueuedPrompt, Submission, submit

if TYPE_CHECKING:
    from ..schema import Schema
    from ..source import Source
    from .options import RunSettings
    from .running import Started


class ComfyUI:
    """A ComfyUI server."""

    name: ClassVar[str] = "comfyui"
    has_socket: ClassVar[bool] = True
    has_folders: ClassVar[bool] = True
    keeps_ids: ClassVar[bool] = True

    def refuse(self, options: RunSettings) -> None:
        """See `Backend`: ComfyUI supports everything that can be requested."""

    def submit(self, core: Core, run: Run, submission: Submission, prepared: Source) -> Flow[QueuedPrompt]:
        """See `Backend`."""
        return submit(core, run, submission, prepared)

    def listen(self, core: Core, run: Run) -> Flow[None]:  # noqa: ARG002  # the socket reports all
        """See `Backend`: the socket reports every prompt of the client."""
        yield from ()

    def find(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """Ask the history, the queue, and the history again: no prompt can slip through between them."""
        for look in (self.ended, self.queued, self.ended):
            seen = yield from look(core, prompt_id)
            if seen is not None and (seen.state != "ended" or seen.outcome is not None):
                return seen
        return None

    def look(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """See `Backend`: the queue is asked, and then the history."""
        seen = yield from self.queued(core, prompt_id)
        return seen if seen is not None else (yield from self.ended(core, prompt_id))

    def queued(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """See `Backend`."""
        listed = yield from queue(core)
        ahead = listed.find(prompt_id)
        if ahead is None:
            return None
        found = next(entry for entry in (*listed.running, *listed.pending) if entry.prompt_id == prompt_id)
        state: Literal["pending", "running"] = "running" if listed.runs(prompt_id) else "pending"
        return Sighting(state, ahead, None, found.prompt, found.targets, found.number)

    def ended(self, core: Core, prompt_id: str) -> Flow[Sighting | None]:
        """See `Backend`."""
        entry = yield from history_entry(core, prompt_id)
        if entry is None:
            return None
        return Sighting("ended", 0, entry.outcome, entry.prompt, entry.targets)

    def expected(
        self,
        prompt: Mapping[str, Any],  # noqa: ARG002
        schema: Schema | None,  # noqa: ARG002
        targets: Sequence[str] | None,  # noqa: ARG002
    ) -> frozenset[str]:
        """See `Backend`: the answer to the prompt says what was dropped."""
        return frozenset()

    def dropped(self, run: Run, outcome: Outcome, started: Started) -> None:
        """See `Backend`: the answer to the prompt says what was dropped."""

    def stop(self, core: Core, prompt_id: str, seen: Sighting) -> Flow[None]:
        """See `Backend`."""
        if seen.state == "running":
            yield from interrupt(core, prompt_id)
        else:
            yield from delete_queued(core, [prompt_id])

    def upload(
        self, core: Core, content: bytes | Path, name: str, kind: str, subfolder: str
    ) -> Flow[UploadedFile]:
        """See `Backend`."""
        return store_image(core, content, name, subfolder, kind)

    def has_file(self, core: Core, text: str) -> Flow[bool | None]:
        """See `Backend`: asks the server for the file."""
        bare, kind = bare_name(text), "input"
        if bare != text:
            kind = text[len(bare) :].strip(" []")
        folder, _, name = bare.rpartition("/")
        if not name:
            return None
        request = view_request(name, folder, kind)
        try:
            yield from call(core, Request("HEAD", request.path, request.query))
        except ServerError as error:
            return False if error.status in (400, 403, 404) else None
        return True

    def file_request(self, core: Core, file: OutputFile, folder: str) -> Request:  # noqa: ARG002
        """See `Backend`."""
        return view_request(file.name, file.subfolder, folder)
