"""Pictures for prompts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.simulator.painting import caption, paint, preview
from comfyflow.simulator.painting.mood import PALETTES, mood_of
from comfyflow.simulator.values import Painting


@given(
    st.text(max_size=40),
    st.integers(0, 2**64 - 1),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(0, 3),
)
def test_any_prompt_gives_a_picture(text: str, seed: int, width: int, height: int, index: int) -> None:
    painting = Painting(text, "", seed)
    picture = paint(painting, width, height, index)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert 0.0 <= float(picture.min()) <= float(picture.max()) <= 1.0
    assert np.array_equal(picture, paint(painting, width, height, index))


WORDS = ("a lighthouse at dusk", "a forest in fog", "neon city at night", "liquid marble", "a cabin, winter")


@pytest.mark.parametrize("text", WORDS)
def test_it_is_more_than_one_colour(text: str) -> None:
    picture = paint(Painting(text, "", 1), 160, 120)
    assert float(picture.std()) > 0.05
    assert len(np.unique((picture * 255).astype(int).reshape(-1, 3), axis=0)) > 1000


def test_each_part_of_a_painting_matters() -> None:
    base = Painting("a boat", "rain", 1, ("model",))
    others = [
        Painting("a ship", "rain", 1, ("model",)),
        Painting("a boat", "", 1, ("model",)),
        Painting("a boat", "rain", 2, ("model",)),
        Painting("a boat", "rain", 1, ("model", "lora")),
    ]
    first = paint(base, 64, 64)
    assert all(not np.array_equal(first, paint(other, 64, 64)) for other in others)
    assert not np.array_equal(first, paint(base, 64, 64, 1))


def test_large_pictures_have_their_size() -> None:
    assert paint(Painting("a field", "", 1), 2000, 64).shape == (64, 2000, 3)


def test_moods() -> None:
    assert mood_of("A lighthouse at dusk").land == "sea"
    assert mood_of("A lighthouse at dusk").hour == "dusk"
    assert mood_of("a castle in the mountains, snow").subjects == ("castle",)
    assert mood_of("portrait of a cat") == mood_of("a cat, portrait of")
    assert mood_of("").hour in PALETTES


def test_a_preview_clears_as_the_work_goes_on() -> None:
    painting = Painting("a boat at sunset", "", 1)
    done = np.asarray(preview(painting, 512, 256, 1.0), dtype=float)
    assert done.shape == (128, 256, 3)
    distances = [
        float(np.abs(np.asarray(preview(painting, 512, 256, share), dtype=float) - done).mean())
        for share in (0.1, 0.5, 0.9)
    ]
    assert distances == sorted(distances, reverse=True)


@given(st.text(max_size=400))
def test_any_text_can_be_a_caption(text: str) -> None:
    picture = np.full((100, 200, 3), 0.5, dtype=np.float32)
    written = caption(picture, text)
    assert written.shape == picture.shape
    assert np.allclose(written[:60], 0.5, atol=0.01)


def test_a_caption_is_written_where_there_is_room() -> None:
    large, small = np.full((200, 400, 3), 0.5, dtype=np.float32), np.full((20, 40, 3), 0.5, dtype=np.float32)
    assert float(caption(large, "simulated").max()) > 0.8
    assert np.array_equal(caption(small, "simulated"), small)
