"""Every error that comfyflow raises, in one tree.

::

    ComfyflowError
    ├── BoundsError                 more than a server or a file may send; see `comfyflow.bounds`
    ├── SchemaError                 an /object_info that cannot be read at all
    ├── CodegenError                node modules that cannot be generated or written
    ├── GraphError                  a mistake in building a graph in Python
    │   ├── NodeUsageError          a node or an output used as what it is not
    │   └── CompileError            a value that no prompt can hold (NaN, an object, a cycle)
    ├── PromptError                 JSON that is not a prompt
    ├── SymmetryError               a graph whose nodes are too much alike to be put in order
    ├── ValidationError             a prompt with problems; has `.report`
    ├── WorkflowFileError           a file that holds no workflow that can be read
    ├── LockError                   a lock that cannot be made, read or written
    ├── RowsError                   rows of a sweep that cannot be sent; has `.problems`
    ├── LedgerError                 a batch's ledger that cannot be opened or written, or is in use
    ├── ConversionError             an editor workflow that cannot become a prompt
    ├── ExportError                 a graph that the editor cannot hold
    ├── PythonSourceError           a graph that no Python program can make: a cycle, a link to nothing
    ├── ConfigurationError          a config file, or a variable of the environment, that cannot be used
    ├── PictureError                a picture that cannot be drawn in that form, or not be written
    ├── ParameterError              a value that a parameter of a workflow function does not take
    ├── ReproductionError           a file that cannot be made again, or not be compared
    ├── ProjectError                a project that cannot be made so: a name, a file that is there
    ├── ModelFileError              a model file that is not fetched: its address, its name, its hash
    ├── MissingExtraError           a library that only an extra brings; an ImportError too
    ├── CommandError                a command line that cannot be carried out
    ├── SimulatorError              a simulated server that cannot be started or used so
    ├── GoldenError                 a golden file of a test that has no name or cannot be read
    └── ClientError                 anything between us and a server
        ├── ServerUnreachable       nothing answered, or what answered is no ComfyUI
        ├── SocketUnavailable       no WebSocket, where only one gives what is wanted
        ├── ServerError             an HTTP answer that is an error; has `.status`
        ├── PromptRejected          the server refused the prompt; has `.report`
        ├── RunError                a prompt that was queued and gave no result, or not all of it
        │   ├── ExecutionError      a node raised; has node, place, traceback
        │   │   ├── OutOfMemory     … because memory ran out
        │   │   └── PartialSuccess  … and others gave their outputs; has `.result`
        │   ├── Interrupted         the run was stopped by somebody
        │   └── PromptLost          the prompt is in neither queue nor history any more
        ├── WaitTimeout             the time that a wait was given has passed; a TimeoutError too
        └── DownloadError           an output file that did not arrive whole
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


class ComfyflowError(Exception):
    """The root of all errors of this package."""

    def _render_traceback_(self) -> list[str]:
        """What IPython and Jupyter show in place of a traceback: the user's own lines, and the message."""
        from .user_lines import traceback_lines

        return traceback_lines(self)


class BoundsError(ComfyflowError):
    """A file that would take more memory than it may, or bounds that cannot be read."""


class SchemaError(ComfyflowError):
    """An /object_info that cannot be read: no such file, no JSON, no nodes in it."""


class CodegenError(ComfyflowError):
    """Node modules that cannot be generated, or a folder that they must not be written to."""


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
    """A node or an output used as what it is not: as a truth value, a list, or a class."""


class CompileError(GraphError, ValueError):
    """A value that no prompt can hold: NaN, infinity, an object that is no JSON, a cycle."""


class PromptError(ComfyflowError):
    """JSON that is not a prompt: nodes that are no objects, links that are no links."""


class SymmetryError(ComfyflowError):
    """A graph in which hundreds of nodes look alike, so that no canonical order is found in time."""


class ValidationError(ComfyflowError):
    """A prompt that is not sent: a server would reject it, or be damaged by it.

    Args:
        report: All that is wrong with it; the message is the report as text.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


class WorkflowFileError(ComfyflowError):
    """A file that holds no workflow, or one that cannot be read safely."""


class LockError(ComfyflowError):
    """A lock that cannot be made, read or written."""


class LedgerError(ComfyflowError):
    """A batch's ledger that cannot be opened or written, that another process holds, or another batch's."""


class ConversionError(ComfyflowError):
    """A workflow of the editor that cannot be turned into a prompt."""


class ExportError(ComfyflowError):
    """A graph cannot be written as a workflow of the editor."""


class PythonSourceError(ComfyflowError):
    """A graph that cannot be written as Python: a cycle, a link to nothing, a value that no
    prompt can hold; or one whose Python was not proven to give the same graph.
    """


class ConfigurationError(ComfyflowError):
    """A config file that cannot be read, or a setting in it or in the environment that is none."""


class ReproductionError(ComfyflowError):
    """A file that cannot be made again, or not be compared: it carries no workflow, or inputs are missing."""


class ProjectError(ComfyflowError):
    """A new project that cannot be made so: a name that will not do, a file that is there already."""


class ModelFileError(ComfyflowError):
    """A model file that is not fetched: its address or name is refused, or it did not arrive as it must."""


class MissingExtraError(ComfyflowError, ImportError):
    """A library that only an extra of the distribution brings, and that is not there.

    Args:
        reason: What needs which library.
        extra: The extra; the message has the line that installs it.
    """

    def __init__(self, reason: str, extra: str) -> None:
        super().__init__(f"{reason}: pip install 'comfyflow-dsl[{extra}]'")
        self.extra = extra


class ParameterError(ComfyflowError, ValueError):
    """A value from outside Python that a parameter of a workflow function does not take.

    Args:
        name: The parameter.
        reason: What it takes, and what it was given: the message goes on with it.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the parameter {name!r} {reason}")
        self.name = name
        self.reason = reason


class RowsError(ComfyflowError):
    """Rows of a sweep that cannot be sent as they are; all that is wrong with them is told at once.

    Attributes:
        problems: What is wrong, each with its row and column; of a great many, the first.
        count: How many there are in all.
    """

    def __init__(self, message: str, problems: Sequence[RowProblem] = (), count: int = 0) -> None:
        super().__init__(message)
        self.problems: tuple[RowProblem, ...] = tuple(problems)
        self.count: int = max(count, len(self.problems))


class PictureError(ComfyflowError):
    """A picture in a form that there is none of, or that needs what is not installed, or a bad file."""


class CommandError(ComfyflowError):
    """A command that cannot be carried out as it was given; its message is one line."""


class SimulatorError(ComfyflowError):
    """A simulated server that cannot be started, or is asked for what it does not have."""


class GoldenError(ComfyflowError):
    """A golden file of a test that has no name of its own, or that cannot be read."""


class ClientError(ComfyflowError):
    """Anything that goes wrong between us and a server. No credential is ever in its text."""

    _prompt_id: str | None = None
    _known = ""

    @property
    def prompt_id(self) -> str | None:
        """The prompt that this is about, from the moment at which it may have been sent.

        `Client.attach` takes it up again. None: no prompt was sent.
        """
        return self._prompt_id

    def of_prompt(self, prompt_id: str, known: str = "") -> Self:
        """The same error, about a prompt; the first one that is named stays.

        Args:
            prompt_id: The prompt's id.
            known: What is known of the prompt, as the end of a sentence.
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
    """Nothing answered, or the answer broke off.

    Args:
        message: What happened and at which address.
        unsent: Whether it is certain that the server never saw the request, so that it can be
            sent again without doing anything twice.
        timed_out: Whether it was waited for until the time was over.
    """

    def __init__(self, message: str, unsent: bool = False, timed_out: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent
        self.timed_out = timed_out


class SocketUnavailable(ClientError):
    """No WebSocket can be opened, and what was asked for comes over it alone."""


class ServerError(ClientError):
    """An HTTP answer that is an error.

    Args:
        message: What was asked and what the server said.
        status: The HTTP status.
        body: What the server sent with it, cut to a readable length.
    """

    def __init__(self, message: str, status: int, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class PromptRejected(ClientError):
    """The server refused a prompt; nothing was queued.

    Args:
        message: The server's own sentence, with every problem below it.
        report: The problems, as local validation would give them.
        status: The HTTP status.
    """

    def __init__(self, message: str, report: Report, status: int) -> None:
        super().__init__(message)
        self.report = report
        self.status = status

    def __str__(self) -> str:
        return ComfyflowError.__str__(self)  # the report is its end


class RunError(ClientError):
    """A prompt that was queued and gave no result, or not all of it.

    Args:
        message: What happened.
        prompt_id: The prompt's id, by which the server's history knows it.
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
        message: Node, place, exception and the user's line, ready to be shown.
        prompt_id: The prompt's id.
        node_id: The node in the prompt, or None where the server does not say.
        class_type: That node's class.
        exception_type: The exception's type on the server (``ValueError``).
        exception_message: Its text.
        traceback: The server's traceback, a string a line or frame.
        place: Where the user's source made the node, where that is known.
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
    """A node ran out of memory. A smaller picture or batch, or `Client.free`, may help."""


class PartialSuccess(ExecutionError):
    """Nodes failed, and outputs that do not need them came all the same.

    So ends a prompt that was sent with ``node_failure_policy="continue_independent"``. As an
    `ExecutionError` it tells of the first node that failed.

    Args:
        message: What failed, what did not run, and what is there.
        first: The error of the first node that failed.
        result: What the prompt gave. ``result[node]`` gives the typed outputs of a node that ran,
            and raises for one that failed or did not run.
    """

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
        return f"{super().__str__()} (`result` of this error has them)"


class Interrupted(RunError):
    """The run was stopped by somebody: by us, or by another client of the server."""


class PromptLost(RunError):
    """The prompt is in neither queue nor history any more.

    Somebody deleted it, or the server restarted: both lists live in its memory only.
    """


class WaitTimeout(ClientError, TimeoutError):
    """The time that a wait was given has passed. A prompt that the server has goes on.

    Args:
        message: What was waited for and what was last seen.
        prompt_id: The prompt's id; `Client.attach` waits for it again. None: the time was over
            before a prompt was sent.
    """

    def __init__(self, message: str, prompt_id: str | None = None) -> None:
        super().__init__(message)
        self._prompt_id = prompt_id


class DownloadError(ClientError):
    """An output file that did not arrive whole, or that must not be written where it says."""


class SaveError(DownloadError, OSError):
    """A file that cannot be written where it says: no room, no right, a name in the way.

    `errno`, `strerror` and `filename` are those of the `OSError`.

    Args:
        path: The file that was to be written.
        error: What the system said.
    """

    def __init__(self, path: str, error: OSError) -> None:
        OSError.__init__(self, error.errno, error.strerror, path)

    def __str__(self) -> str:
        advice = _SAVE_ADVICE.get(self.errno or 0, "choose another file or folder")
        return f"cannot write {self.filename}: {self.strerror}; {advice}"


_SAVE_ADVICE = {
    errno.EACCES: "choose a folder that you may write into",
    errno.EDQUOT: "make room, or choose another folder",
    errno.EEXIST: "a file stands where a folder is needed",
    errno.EISDIR: "a folder has that name; end the path with a separator to write into it",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOSPC: "make room, or choose another folder",
    errno.ENOTDIR: "a file stands where a folder is needed",
    errno.EPERM: "choose a folder that you may write into",
    errno.EROFS: "choose a folder that you may write into",
}
