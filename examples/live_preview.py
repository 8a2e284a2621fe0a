"""Watching a run: nodes, steps and previews as they come, each with the line that made the node.

python examples/live_preview.py            (the server: COMFYFLOW_SERVER, or this machine's)
"""

from txt2img import txt2img

from comfyflow import Client
from comfyflow.client import NodePreview, NodeProgress, NodeStarted


def main() -> None:
    made = txt2img(prompt="a lighthouse at dusk", width=256, height=256, steps=4)
    with Client() as client:
        handle = client.submit(made, extra_data={"preview_method": "latent2rgb"})
        for event in handle.events():
            if isinstance(event, NodeStarted):
                print(f"{event.node} (line {event.node.place.line if event.node.place else '?'})")
            elif isinstance(event, NodeProgress):
                print(f"  step {event.value:.0f} of {event.maximum:.0f}")
            elif isinstance(event, NodePreview):
                print(f"  a preview, {len(event.image)} bytes")
        print(handle.result().output.images[0].name)


if __name__ == "__main__":
    main()
