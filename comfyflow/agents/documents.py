"""What agents may read: a guide, examples, and the output files of their jobs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mcp.types import (
    BlobResourceContents,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from ..bounds import AGENT_RESOURCE, readable
from ..errors import CommandError
from ..nearest import did_you_mean
from ..schema.node_description import describe_node
from .answer import cut, one_line, undisguised
from .job_answer import OUTPUTS, file_address

if TYPE_CHECKING:
    from ..workflows import Workflow
    from .workbench import Workbench

GUIDE: Final = "comfyflow://guide"
EXAMPLES: Final = "comfyflow://examples/"
NODES: Final = "comfyflow://nodes/"
_LISTED_FILES: Final = 50
_LONGEST: Final = 200_000


def _txt2img() -> Workflow[Any]:
    from ..recipes import txt2img

    return txt2img("a lighthouse at dawn", checkpoint="sd_xl_base_1.0.safetensors")


def _img2img() -> Workflow[Any]:
    from ..recipes import img2img

    return img2img("an oil painting", "photo.png", checkpoint="sd_xl_base_1.0.safetensors")


def _hires() -> Workflow[Any]:
    from ..recipes import hires

    return hires("a lighthouse at dawn", checkpoint="sd_xl_base_1.0.safetensors")


def _flux() -> Workflow[Any]:
    from ..recipes import flux_txt2img

    return flux_txt2img("a lighthouse at dawn")


_EXAMPLES: Final[dict[str, tuple[str, Callable[[], Workflow[Any]]]]] = {
    "txt2img": ("A picture from a prompt, with a checkpoint.", _txt2img),
    "img2img": ("A picture from a picture and a prompt.", _img2img),
    "hires": ("A picture that is sampled again at a larger size.", _hires),
    "flux-txt2img": ("A picture from a prompt, with Flux.", _flux),
}

TEMPLATES: Final = (
    ResourceTemplate(
        name="node",
        uri_template=f"{NODES}{{class_type}}",
        description="The inputs and outputs of a node class.",
        mime_type="text/plain",
    ),
    ResourceTemplate(
        name="output",
        uri_template=f"{OUTPUTS}{{job_id}}/{{number}}/{{name}}",
        description="An output file of a job.",
    ),
)


def documents(bench: Workbench) -> list[Resource]:
    """The resources that can be read now, including the latest output files of jobs.

    Args:
        bench: Has the jobs.
    """
    found = [
        Resource(
            name="guide",
            uri=GUIDE,
            description="How to write, check and run a workflow.",
            mime_type="text/markdown",
        )
    ]
    for name, (about, _) in _EXAMPLES.items():
        found.append(
            Resource(name=name, uri=f"{EXAMPLES}{name}", description=about, mime_type="application/json")
        )
    files = [
        Resource(name=file.path.name, uri=file_address(job, at), mime_type=file.media_type, size=file.size)
        for job in bench.jobs.values()
        for at, file in enumerate(job.files)
    ]
    return [*found, *files[-_LISTED_FILES:]]


def read_document(bench: Workbench, address: str) -> ReadResourceResult:
    """The content of an address.

    Args:
        bench: The state that tools share.
        address: The address, as listed or linked.

    Raises:
        ComfyflowError: There is nothing, or it is too large.
    """
    if address == GUIDE:
        text = Path(__file__).with_name("guide.md").read_text(encoding="utf-8")
        return _text(address, text, "text/markdown")
    if address.startswith(EXAMPLES):
        name = address[len(EXAMPLES) :]
        if name not in _EXAMPLES:
            hint = did_you_mean(name, _EXAMPLES, f"there are: {', '.join(_EXAMPLES)}")
            raise CommandError(f"unknown example {one_line(name)!r}; {hint}")
        prompt = _EXAMPLES[name][1]().to_prompt()
        return _text(address, json.dumps(prompt, indent=1, ensure_ascii=False), "application/json")
    if address.startswith(NODES):
        name = address[len(NODES) :]
        node = bench.schema.now().get(name)
        if node is None:
            raise CommandError(f"unknown node class {one_line(name)!r}: use search_nodes to find one")
        return _text(address, cut(undisguised(describe_node(node)), _LONGEST), "text/plain")
    if address.startswith(OUTPUTS):
        return _output(bench, address)
    raise CommandError(f"nothing found at {one_line(address)}; resources/list lists what there is")


def _output(bench: Workbench, address: str) -> ReadResourceResult:
    job_id, _, rest = address[len(OUTPUTS) :].partition("/")
    number = rest.partition("/")[0]
    files = bench.job(job_id).files
    at = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else len(files)
    if at >= len(files):
        raise CommandError(f"job {one_line(job_id)} has no file {one_line(number)}: it has {len(files)}")
    file = files[at]
    shown = bench.root.shown(file.path)
    if file.size > AGENT_RESOURCE:
        most = readable(AGENT_RESOURCE)
        raise CommandError(f"{shown} has {readable(file.size)}, and at most {most} are read; it is on disk")
    try:
        data = base64.b64encode(file.path.read_bytes()).decode()
    except OSError as error:
        raise CommandError(f"{shown} can no longer be read: {error.strerror}") from None
    return ReadResourceResult(
        contents=[BlobResourceContents(uri=address, mime_type=file.media_type, blob=data)]
    )


def _text(address: str, text: str, media_type: str) -> ReadResourceResult:
    return ReadResourceResult(contents=[TextResourceContents(uri=address, mime_type=media_type, text=text)])
