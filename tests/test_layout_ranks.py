"""Which column each box of a layout is in, where columns would be too tall."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.graph.canvas import Size
from comfyflow.layout.columns import ItemColumns
from comfyflow.layout.ranks import _filled, _Neighbours, forward, ranks
from comfyflow.layout.wire import Wire
from tests.test_layout import drawings


@settings(max_examples=40)
@given(drawings(), st.floats(0, 2000))
def test_columns_that_are_filled_lead_to_the_right(
    drawing: tuple[list[Size], list[Wire], list[list[int]]], limit: float
) -> None:
    sizes, wires, _ = drawing
    ahead = forward(len(sizes), wires)
    found = _filled(_Neighbours(len(sizes), ahead), [height for _, height in sizes], limit)
    assert len(found) == len(sizes)
    assert all(found[wire.source] < found[wire.target] for wire in ahead)


def test_what_belongs_together_stays_together_in_columns_that_are_divided() -> None:
    blocks = 200
    wires: list[Wire] = []
    for first in range(1, 4 * blocks, 4):  # two texts and the size of a picture, and the sampler behind them
        wires += [Wire(0, 40, first, 40), Wire(0, 40, first + 1, 40)]
        wires += [Wire(source, 40, first + 3, 40) for source in range(first, first + 3)]
    sizes = [(200.0, 100.0)] * (4 * blocks + 1)
    found = ranks(sizes, wires, (75, 30))
    assert max(found) > 4, "no column was too tall"
    assert max(found[wire.target] - found[wire.source] for wire in wires if wire.source) <= 4
    lanes = len(ItemColumns(sizes, wires, found).heights) - len(sizes)
    assert lanes < blocks / 5
