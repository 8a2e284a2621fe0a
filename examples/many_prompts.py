"""Several prompts in flight at once, with asyncio.

python examples/many_prompts.py            (the server: COMFYFLOW_SERVER, or this machine's)
"""

import asyncio

from comfynodes import EmptyImage, SaveImage

from comfyflow import AsyncClient, workflow


@workflow
def swatch(color: int) -> SaveImage:
    """A small picture of one colour."""
    return SaveImage(images=EmptyImage(width=32, height=32, color=color), filename_prefix="swatch")


async def main() -> None:
    colors = [0x264653, 0x2A9D8F, 0xE9C46A, 0xF4A261, 0xE76F51]
    async with AsyncClient() as client:
        results = await asyncio.gather(*(client.run(swatch(color)) for color in colors))
        for color, result in zip(colors, results, strict=True):
            data = await client.read(result.output.images[0])
            print(f"#{color:06x}: {len(data)} bytes")


if __name__ == "__main__":
    asyncio.run(main())
