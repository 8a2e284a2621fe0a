"""What to do about each error: the cures on the page of errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CURES: Final[Mapping[str, str]] = {
    "BoundsError": (
        "Raise the bound that the message names, if you trust the source: `Bounds`, or `COMFYFLOW_BOUNDS`."
    ),
    "ClientError": "Where `error.prompt_id` is set, `client.attach(error.prompt_id)` finds its state.",
    "CodegenError": "Name another folder, or a package that can be imported; the message says which.",
    "CommandError": "`comfyflow COMMAND --help` says what the command takes.",
    "CompileError": "Give the input a number, a string, a list or a dict; give a picture as a file.",
    "ConfigurationError": (
        "Correct the line or the variable that the message names; `comfyflow doctor` checks them."
    ),
    "ConversionError": "Open the workflow in the editor, or try `--repair`; the message names the node.",
    "DownloadError": (
        "Fetch it again: `client.attach(error.prompt_id)` has the result, if the server has the file."
    ),
    "ExecutionError": "Look at `error.traceback`, the server's, and at `error.place`, your line.",
    "ExportError": "Change the node that the message names.",
    "GoldenError": "Write it again: `pytest --comfy-update-goldens`.",
    "GraphError": "Look at the line of your source that the message names.",
    "Interrupted": "Run it again, if it was not stopped on purpose.",
    "LedgerError": "End the other process, free the disk, or name another folder with `--out`.",
    "LockError": "Write the lock again with `comfyflow lock`.",
    "MissingExtraError": "Run the `pip install` line of the message.",
    "ModelFileError": "Download the file in a browser, or allow its host; the message says what was refused.",
    "NodeUsageError": "Take an output of the node, or compare in Python before you build the graph.",
    "OutOfMemory": (
        "Make the picture or the batch smaller, decode in tiles, or call `client.free()` and run it again."
    ),
    "ParameterError": "Give the parameter what the message says it takes; `comfyflow schema` lists all.",
    "PartialSuccess": "Use `error.result`, and repair what `error.result.failed` lists.",
    "PictureError": "Choose another suffix, install what the message names, or write to another folder.",
    "ProjectError": "Name another folder or `--name`; no file was written.",
    "PromptError": "Export the workflow in the API format, or give the editor's file to `comfyflow convert`.",
    "PromptLost": "Run it again: a server that restarts forgets its queue and history.",
    "PromptRejected": "Read `error.report`. Install missing packs and models, or generate the classes again.",
    "PythonSourceError": "Mend the cycle or the link that the message names, and run it again.",
    "ReproductionError": "Read the message: it names the file, and what it does not carry.",
    "RowsError": "Correct the rows that `error.problems` lists, by row and column.",
    "RunError": "Look at the error's class and message; `comfyflow history ID` has the server's account.",
    "SaveError": "Free the disk, or name another folder.",
    "SchemaError": (
        "Save the answer again: `curl URL/object_info > object_info.json`, and look whether it is JSON."
    ),
    "ServerError": "Read `error.body` and the server's log.",
    "ServerUnreachable": (
        "Start the server, or correct its address. A prompt that was sent is found by its id."
    ),
    "SimulatorError": "Name a profile that exists, or a free port; the message lists them.",
    "SocketUnavailable": "Let the proxy pass WebSockets, or save files instead: `SaveImage`.",
    "SymmetryError": "Compare smaller parts, or give the nodes titles or values that differ.",
    "ValidationError": "Read `error.report`: each problem has its line and the nearest valid value.",
    "WaitTimeout": "Wait longer: `client.attach(error.prompt_id).result()`; or stop it: `cancel()`.",
    "WorkflowFileError": "Check that the file carries a workflow; many programs strip it from pictures.",
}
