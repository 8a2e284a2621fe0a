"""How often servers load models in a sweep over checkpoints: in our order, and in the order of the rows."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from comfyflow.batch import Batch, Row
from comfyflow.simulator import Simulator
from comfyflow.source import Source

CHECKPOINTS = ("a.safetensors", "b.safetensors", "c.safetensors")
PROMPTS = 200
SERVERS = 4


@dataclass(frozen=True)
class Made:
    """A prompt with a checkpoint and a string."""

    checkpoint: str
    text: str
    uploads: tuple[object, ...] = ()

    @property
    def source(self) -> Source:
        encode = {"text": self.text, "clip": ["1", 1]}
        return Source(
            {
                "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": self.checkpoint}},
                "2": {"class_type": "CLIPTextEncode", "inputs": encode},
                "3": {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}},
            }
        )

    @property
    def hash(self) -> str:
        return f"{hash((self.checkpoint, self.text)) % 16**8:08x}"

    @property
    def classes(self) -> frozenset[str]:
        return frozenset({"CheckpointLoaderSimple", "CLIPTextEncode", "PreviewAny"})

    @property
    def models(self) -> frozenset[str]:
        return frozenset({self.checkpoint})


class Maker:
    def prepare(self, row: Row) -> Made:
        given: Any = row.parameters
        return Made(given["checkpoint"], given["text"])


def rows() -> Iterator[Row]:
    """Prompt by prompt, each with every checkpoint: the order in which a loop would send them."""
    for number in range(PROMPTS * len(CHECKPOINTS)):
        prompt, checkpoint = divmod(number, len(CHECKPOINTS))
        yield Row(number, {"checkpoint": CHECKPOINTS[checkpoint], "text": f"prompt {prompt}"})


def loads(window: int) -> list[int]:
    """How often each server turned to another checkpoint, the first among them."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        servers = [
            stack.enter_context(Simulator(models={"checkpoints": list(CHECKPOINTS)})) for _ in range(SERVERS)
        ]
        batch = Batch(
            Maker(), rows(), servers=[each.url for each in servers], out=Path(folder), window=window
        )
        assert asyncio.run(batch.run()).is_whole
        used = [[each.prompt["1"]["inputs"]["ckpt_name"] for each in server.prompts] for server in servers]
    return [len([*groupby(names)]) for names in used]


def main() -> None:
    ours, arrival = loads(1000), loads(1)
    print(f"{len(CHECKPOINTS)} checkpoints x {PROMPTS} prompts on {SERVERS} servers")
    print(f"loads by our order {sum(ours)} {ours}, in the order of the rows {sum(arrival)} {arrival}")
    print(f"ratio {sum(ours) / sum(arrival):.3f}; at most {max(ours)} a server (aim {len(CHECKPOINTS)})")


if __name__ == "__main__":
    main()
