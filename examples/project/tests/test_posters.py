import pytest
from comfynodes import CheckpointLoaderSimple, CLIPTextEncode, KSampler, SaveImage, VAEDecode
from hypothesis import given, settings
from hypothesis import strategies as st
from posters import contact_sheet, poster

from comfyflow.errors import OutOfMemory
from comfyflow.testing import (
    assert_connected,
    assert_count,
    assert_every,
    assert_images,
    assert_metadata,
    assert_prompt_matches,
    assert_valid,
    at_most,
    find,
    linked,
)


def test_a_poster_is_as_agreed():
    assert_prompt_matches(poster("a lighthouse at dusk", seed=7))


def test_a_poster_is_painted_in_two_passes():
    made = poster("a lighthouse at dusk")
    draft, finish = find(made, KSampler, title="Draft"), find(made, KSampler, title="Finish")
    assert draft in finish.upstream()
    assert finish.inputs["denoise"] < draft.inputs["denoise"]
    assert find(made, VAEDecode).inputs["samples"].node == finish


def test_samplers_are_set_as_the_printer_likes_it():
    made = contact_sheet(["a lighthouse", "a harbour"])
    assert_every(made, KSampler, cfg=at_most(8), positive=linked(CLIPTextEncode), steps=8)
    assert_connected(made, CheckpointLoaderSimple, SaveImage, through=KSampler)


@settings(deadline=None)  # the first example reads the schema too
@given(words=st.text(max_size=200), seed=st.integers(0, 2**64 - 1), steps=st.integers(1, 10_000))
def test_any_order_is_a_valid_workflow(words: str, seed: int, steps: int):
    assert_valid(poster(words, seed, steps))


@pytest.mark.parametrize("count", [1, 2, 12])
def test_a_sheet_shows_all_posters_and_loads_the_model_once(count: int):
    made = contact_sheet(["a lighthouse"] * count)
    assert_valid(made)
    assert_count(made, CheckpointLoaderSimple, 1)
    assert_count(made, KSampler, 2 * count)


@pytest.mark.needs_models("sd_xl_base_1.0.safetensors")
def test_a_poster_is_printed(comfy_client):
    result = comfy_client.run(poster("a lighthouse at dusk", seed=7))
    assert_images(result, 1, size=(768, 1152), format="PNG")
    assert_metadata(result.output.images[0], poster("a lighthouse at dusk", seed=7))
    assert result.output.images[0].subfolder == "posters"


@pytest.mark.needs_models("sd_xl_base_1.0.safetensors")
def test_a_sheet_is_printed(comfy_client):
    assert_images(
        comfy_client.run(contact_sheet(["a lighthouse", "a harbour", "a gull"])), 3, size=(192, 288)
    )


def test_what_happens_when_the_memory_is_full(comfy_server, comfy_client):
    comfy_server.fail_next("CUDA out of memory", class_type="KSampler", out_of_memory=True)
    with pytest.raises(OutOfMemory, match=r"posters\.py"):
        comfy_client.run(poster("a lighthouse at dusk"))
    assert comfy_client.run(poster("a lighthouse at dusk")).output.images
