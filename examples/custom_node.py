"""A custom node that is in no stubs, and what is made of its output.

python examples/custom_node.py             (the server: COMFYFLOW_SERVER, or this machine's)

With the node installed, `comfyflow gen-stubs` gives it a class; `raw_node` does without.
"""

from comfynodes import EmptyImage

from comfyflow import Client, Workflow, raw_node
from comfyflow.client import Result
from comfyflow.output_file import NodeOutput


def brightness(result: Result[NodeOutput]) -> float:
    """The number in the text that the node gives."""
    return float(result.output.text)


def main() -> None:
    measured = raw_node("MeasureBrightness", {"image": EmptyImage(width=8, height=8, color=0x808080)})
    with Client() as client:
        value = client.run(Workflow(measured), resolver=brightness, validate=False)
    print(f"brightness {value:.2f}")


if __name__ == "__main__":
    main()
