"""Every error that comfyflow raises, in one tree.

::

    ComfyflowError
    ├── BoundsError                 a server or a file exceeds a bound; see `comfyflow.bounds`
    ├── SchemaError                 an /object_info that cannot be read at all
    ├── CodegenError                node modules that cannot be generated or written
    ├── GraphError                  a mistake in building a graph in Python
    │   ├── NodeUsageError          a node or an output used as something else
    │   └── CompileError            a value that no prompt can hold (NaN, an object, a cycle)
    ├── PromptError                 JSON that is not a prompt
    ├── SymmetryError               a graph whose nodes are too much alike to be ordered
    ├── ValidationError             a prompt with problems; has `.report`
    ├── WorkflowFileError           a file without a readable workflow
    ├── LockError                   a lock that cannot be created, read or written
    ├── RowsError                   rows of a sweep that cannot be sent; has `.problems`
    ├── LedgerError                 a batch's ledger that cannot be opened or written, or is in use
    ├── ConversionError             an editor workflow that cannot become a prompt
    ├── ExportError                 a graph that the editor cannot hold
    ├── PythonSourceError           a graph that cannot be written as Python: a cycle, a broken link
    ├── ConfigurationError          an invalid config file or environment variable
    ├── PictureError                a picture that cannot be drawn in this format or not be written
    ├── ParameterError              an invalid value for a parameter of a workflow function
    ├── ReproductionError           a file that cannot be reproduced or compared
    ├── ProjectError                a project that cannot be created: its name, or existing files
    ├── ModelFileError              a model file that cannot be fetched: its URL, name or hash
    ├── MissingExtraError           an extra's library is not installed; an ImportError too
    ├── CommandError                a command line that cannot be carried out
    ├── SimulatorError              a simulated server that cannot be started or used this way
    ├── GoldenError                 a test's golden file without a name, or an unreadable one
    └── ClientError                 anything between us and a server
        ├── ServerUnreachable       no response, or not from a ComfyUI server
        ├── SocketUnavailable       no WebSocket, and only one delivers what was requested
        ├── ServerError             an HTTP error response; has `.status`
        ├── PromptRejected          the server rejected the prompt; has `.report`
        ├── RunError                a queued prompt without a result, or with only part of it
        │   ├── ExecutionError      a node raised; has node, place, traceback
        │   │   ├── OutOfMemory     … because memory ran out
        │   │   └── PartialSuccess  … while others produced outputs; has `.result`
        │   ├── Interrupted         the run was interrupted
        │   └── PromptLost          the prompt is no longer in the queue or the history
        ├── WaitTimeout             the timeout of a wait has passed; a TimeoutError too
        └── DownloadError           an output file that did not arrive in full
            └── SaveError           … or that cannot be written here; an OSError too

Catch the branch that you can act on::

    try:
        result = client.run(workflow)
    except ValidationError as error:
        print(error.report)
    except ClientError as error:
        ...
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .base_error import BaseError

if TYPE_CHECKING:
    from typing_extensions import Self

    from .batch.row import RowProblem
    from .client.result import Result
    from .problem import Place
    from .validate import Report

__all__ = [
    "BoundsError",
    "ClientError",
    "CodegenError",
    "ComfyflowError",
    "CommandError",
    "CompileError",
    "ConfigurationError",
    "ConversionError",
    "DownloadError",
    "ExecutionError",
    "ExportError",
    "GoldenError",
    "GraphError",
    "Interrupted",
    "LedgerError",
    "LockError",
    "MissingExtraError",
    "ModelFileError",
    "NodeUsageError",
    "OutOfMemory",
    "ParameterError",
    "PartialSuccess",
    "PictureError",
    "ProjectError",
    "PromptError",
    "PromptLost",
    "PromptRejected",
    "PythonSourceError",
    "ReproductionError",
    "RowsError",
    "RunError",
    "SaveError",
    "SchemaError",
    "ServerError",
    "ServerUnreachable",
    "SimulatorError",
    "SocketUnavailable",
    "SymmetryError",
    "ValidationError",
    "WaitTimeout",
    "WorkflowFileError",
]


class ComfyflowError(BaseError):
    """The root of all errors of this package."""


class BoundsError(ComfyflowError):
    """A file or a response exceeds a bound, or bounds cannot be parsed."""


class SchemaError(ComfyflowError):
    """An /object_info cannot be read: file not found, not JSON, or without nodes."""


class CodegenError(ComfyflowError):
    """Node modules cannot be generated, or must not be written to this folder."""


class GraphError(ComfyflowError):
    """A mistake in building a graph in Python.

    Args:
        message: What happened and what to do.
        place: The user's file and line that made the node, where it is known.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(f"{place}: {message}" if place is not None else message)
        self.place = place


class NodeUsageError(GraphError, TypeError):
    """A node or an output is used as something else: a truth value, a list or a class."""


class CompileError(GraphError, ValueError):
    """A value cannot be held by a prompt: NaN, infinity, a non-JSON object, a cycle."""


class PromptError(ComfyflowError):
    """JSON is not a prompt: a node is not an object, or a link is malformed."""


class SymmetryError(ComfyflowError):
    """A graph has hundreds of nodes that look alike, so no canonical order was found in time."""


class ValidationError(ComfyflowError):
    """A prompt was not sent: a server would reject it or be damaged by it.

    Args:
        report: Everything that is wrong with it; the message is the report as text.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


class WorkflowFileError(ComfyflowError):
    """A file holds no workflow, or none that can be read safely."""


class LockError(ComfyflowError):
    """A lock cannot be created, read or written."""


class LedgerError(ComfyflowError):
    """A batch's ledger cannot be opened or written, is in use, or belongs to another batch."""


class ConversionError(ComfyflowError):
    """An editor workflow cannot be converted to a prompt."""


class ExportError(ComfyflowError):
    """A graph cannot be written as an editor workflow."""


class PythonSourceError(ComfyflowError):
    """A graph cannot be written as Python: it has a cycle, a broken link or a value that no
    prompt can hold; or its Python was not proven to build the same graph.
    """


class ConfigurationError(ComfyflowError):
    """A config file cannot be read, or has an invalid setting; or an environment variable is invalid."""


class ReproductionError(ComfyflowError):
    """A file cannot be reproduced or compared: it carries no workflow, or inputs are missing."""


class ProjectError(ComfyflowError):
    """A project cannot be created: its name is not usable, or a file already exists."""


class ModelFileError(ComfyflowError):
    """A model file was not fetched: its URL or name is refused, or the download is incomplete or wrong."""


class MissingExtraError(ComfyflowError, ImportError):
    """A library that an extra provides is not installed.

    Args:
        reason: What needs which library.
        extra: The extra; the message contains the command that installs it.
    """

    def __init__(self, reason: str, extra: str) -> None:
        super().__init__(f"{reason}: pip install 'comfyflow-dsl[{extra}]'")
        self.extra = extra


class ParameterError(ComfyflowError, ValueError):
    """A value from outside Python is not valid for a parameter of a workflow function.

    Args:
        name: The parameter.
        reason: What it accepts and what it got; this ends the message.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the parameter {name!r} {reason}")
        self.name = name
        self.reason = reason


class RowsError(ComfyflowError):
    """Rows of a sweep cannot be sent as they are; all their problems are reported together.

    Attributes:
        problems: The problems, each with its row and column; only the first ones if there are very many.
        count: The total number of problems.
    """

    def __init__(self, message: str, problems: Sequence[RowProblem] = (), count: int = 0) -> None:
        super().__init__(message)
        self.problems: tuple[RowProblem, ...] = tuple(problems)
        self.count: int = max(count, len(self.problems))


class PictureError(ComfyflowError):
    """A picture cannot be drawn: an unknown format, a missing library, or an unusable file."""


class CommandError(ComfyflowError):
    """A command cannot be carried out; its message is a single line."""


class SimulatorError(ComfyflowError):
    """A simulated server cannot be started, or does not have what is requested."""


class GoldenError(ComfyflowError):
    """A golden file has no unique name, or cannot be read."""


class ClientError(ComfyflowError):
    """Anything that goes wrong between us and a server. Its text never contains credentials."""

    _prompt_id: str | None = None
    _known, _unsent = "", False  # unsent: a closed client has not sent the request

    @property
    def prompt_id(self) -> str | None:
        """The prompt that this error is about, once it may have been sent.

        `Client.attach` resumes waiting for it. None: no prompt was sent.
        """
        return self._prompt_id

    def of_prompt(self, prompt_id: str, known: str = "") -> Self:
        """Attach a prompt to this error; the first one attached stays.

        Args:
            prompt_id: The prompt's id.
            known: What is known about the prompt, as the end of a sentence.
        """
        if self._prompt_id is None:
            self._prompt_id, self._known = prompt_id, known
        return self

    def __str__(self) -> str:
        said = super().__str__()
        if self._prompt_id is None or self._prompt_id in said:
            return said
        return f"{said} (prompt {self._prompt_id}{f': {self._known}' if self._known else ''})"


class ServerUnreachable(ClientError):
    """No response, or a response that broke off.

    Args:
        message: What happened and at which address.
        unsent: Whether the server certainly never saw the request, so that a retry is safe.
        timed_out: Whether the request timed out.
    """

    def __init__(self, message: str, unsent: bool = False, timed_out: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent
        self.timed_out = timed_out


class SocketUnavailable(ClientError):
    """No WebSocket can be opened, and the requested data is only sent over one."""


class ServerError(ClientError):
    """An HTTP error response.

    Args:
        message: The request and what the server said.
        status: The HTTP status.
        body: The response body, cut to a readable length.
    """

    def __init__(self, message: str, status: int, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class PromptRejected(ClientError):
    """The server rejected a prompt; nothing was queued.

    Args:
        message: The server's own message, followed by every problem.
        report: The problems, in the form that local validation returns.
        status: The HTTP status.
    """

    def __init__(self, message: str, report: Report, status: int) -> None:
        super().__init__(message)
        self.report = report
        self.status = status

    def __str__(self) -> str:
        return ComfyflowError.__str__(self)  # the report is its end


class RunError(ClientError):
    """A queued prompt has no result, or only part of it.

    Args:
        message: What happened.
        prompt_id: The prompt's id in the server's history.
    """

    def __init__(self, message: str, prompt_id: str) -> None:
        super().__init__(message)
        self._prompt_id = prompt_id

    @property
    def prompt_id(self) -> str:
        """The prompt's id."""
        return self._prompt_id or ""


class ExecutionError(RunError):
    """A node raised while the server ran it.

    Args:
        message: Node, place, exception and the user's line, ready to display.
        prompt_id: The prompt's id.
        node_id: The node in the prompt, or None if the server does not say.
        class_type: That node's class.
        exception_type: The exception's type on the server (``ValueError``).
        exception_message: Its text.
        traceback: The server's traceback, one string per line or frame.
        place: Where the user's source created the node, if known.
    """

    def __init__(
        self,
        message: str,
        prompt_id: str,
        *,
        node_id: str | None = None,
        class_type: str | None = None,
        exception_type: str = "",
        exception_message: str = "",
        traceback: tuple[str, ...] = (),
        place: Place | None = None,
    ) -> None:
        super().__init__(message, prompt_id)
        self.node_id = node_id
        self.class_type = class_type
        self.exception_type = exception_type
        self.exception_message = exception_message
        self.traceback = traceback
        self.place = place


class OutOfMemory(ExecutionError):
    """A node ran out of memory. A smaller image or batch, or `Client.free`, may help."""


class PartialSuccess(ExecutionError):
    """Some nodes failed, but outputs that do not need them arrived.

    This ends a prompt that was sent with ``node_failure_policy="continue_independent"``. As an
    `ExecutionError` it describes the first node that failed.

    Args:
        message: What failed, what did not run, and what was produced.
        first: The error of the first node that failed.
        result: What the prompt produced. ``result[node]`` raises for a node that failed or did not run.
            In another process it has no client (see `Result`); it is None if the workflow cannot be pickled.
    """

    _if_pickled = frozenset({"result"})

    def __init__(self, message: str, first: ExecutionError, result: Result[Any]) -> None:
        super().__init__(
            message,
            first.prompt_id,
            node_id=first.node_id,
            class_type=first.class_type,
            exception_type=first.exception_type,
            exception_message=first.exception_message,
            traceback=first.traceback,
            place=first.place,
        )
        self.result = result

    def __str__(self) -> str:
        has = getattr(self, "result", None) is not None
        return super().__str__() + (" (`result` of this error has them)" if has else "")


class Interrupted(RunError):
    """The run was interrupted, by us or by another client of the server."""


class PromptLost(RunError):
    """The prompt is no longer in the queue or the history.

    Someone deleted it, or the server restarted: both lists live only in its memory.
    """


class WaitTimeout(ClientError, TimeoutError):
    """The timeout of a wait has passed. A prompt on the server keeps running.

    Args:
        message: What was being waited for, and its last known state.
        prompt_id: The prompt's id; `Client.attach` waits for it again. None: no prompt was sent.
    """

    def __init__(self, message: str, prompt_id: str | None = None) -> None:
        super().__init__(message)
        self._prompt_id = prompt_id


class DownloadError(ClientError):
    """An output file did not arrive in full, or must not be written to its path."""


class SaveError(DownloadError, OSError):
    """A file cannot be written: the disk is full, permission is denied, or the name is taken.

    `errno`, `strerror` and `filename` are those of the `OSError`.

    Args:
        path: The file.
        error: The system's error.
    """

    def __init__(self, path: str, error: OSError) -> None:
        OSError.__init__(self, error.errno, error.strerror, path)

    def __str__(self) -> str:
        advice = _SAVE_ADVICE.get(self.errno or 0, "choose another file or folder")
        return f"cannot write {self.filename}: {self.strerror}; {advice}"


_SAVE_ADVICE = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "choose a folder that you may write into"),
    **dict.fromkeys((errno.EDQUOT, errno.ENOSPC), "make room, or choose another folder"),
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "a file stands where a folder is needed"),
    errno.EISDIR: "a folder has that name; end the path with a separator to write into it",
    errno.ENAMETOOLONG: "choose a shorter name",
}
