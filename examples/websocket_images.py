"""Pictures over the WebSocket: nothing is written on the server.

python examples/websocket_images.py        (the server: COMFYFLOW_SERVER, or this machine's)
"""

from comfynodes import EmptyImage, SaveImageWebsocket

from comfyflow import Client, workflow


@workflow
def passing(color: int = 0x3399FF) -> SaveImageWebsocket:
    """A plain picture, sent and not saved."""
    return SaveImageWebsocket(images=EmptyImage(width=64, height=64, color=color))


def main() -> None:
    with Client() as client:
        result = client.run(passing(color=0x224466))
    picture = result.output.images[0]
    print(f"{len(picture.bytes())} bytes of {picture.media_type}")


if __name__ == "__main__":
    main()
