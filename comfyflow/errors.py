"""Every error that comfyflow raises, in one tree.

::

    ComfyflowError
    ├── SchemaError                 an /object_info that cannot be read at all
    ├── CodegenError                node modules that cannot be generated or written
    ├── GraphError                  a mistake in building a graph in Python
    │   ├── NodeUsageError          a node or an output used as what it is not
    │   └── CompileError            a value that no prompt can hold (NaN, an object, a cycle)
    ├── PromptError                 JSON that is not a prompt
    ├── ValidationError             a prompt with problems; has `.report`
    ├── WorkflowFileError           a file that holds no workflow that can be read
    ├── ConversionError             an editor workflow that cannot become a prompt
    ├── CommandError                a command line that cannot be carried out
    ├── SimulatorError              a simulated server that cannot be started or used so
    └── ClientError                 anything between us and a server
        ├── ServerUnreachable       nothing answered, or what answered is no ComfyUI
        ├── ServerError             an HTTP answer that is an error; has `.status`
        ├── PromptRejected          the server refused the prompt; has `.report`
        ├── RunError                a prompt that was queued and gave no result
        │   ├── ExecutionError      a node raised; has node, place, traceback
        │   │   └── OutOfMemory     … because memory ran out
        │   ├── Interrupted         the run was stopped by somebody
        │   └── PromptLost          the prompt is in neither queue nor history any more
        ├── WaitTimeout             the time that a wait was given has passed
        └── DownloadError           an output file that did not arrive whole

Catch the branch that you can act on::

    try:
        result = client.run(workflow)
    except ValidationError as error:
        print(error.report)
    except ClientError as error:
        ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .problem import Place


class ComfyflowError(Exception):
    """The root of all errors of this package."""


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


class WorkflowFileError(ComfyflowError):
    """A file that holds no workflow, or one that cannot be read safely."""


class ConversionError(ComfyflowError):
    """A workflow of the editor that cannot be turned into a prompt."""


class CommandError(ComfyflowError):
    """A command that cannot be carried out as it was given; its message is one line."""


class SimulatorError(ComfyflowError):
    """A simulated server that cannot be started, or is asked for what it does not have."""
