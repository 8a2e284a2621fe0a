"""Prompts of rows: what is filled again is what would have been compiled."""

from __future__ import annotations

import importlib.util
import itertools
import json
import logging
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.batch.refill import FileUse, Recipe
from comfyflow.batch.row import Row, RowProblem
from comfyflow.batch.rows import Rows
from comfyflow.errors import CompileError, ParameterError, RowsError
from comfyflow.parameters import Parameters
from comfyflow.schema.package import reference_schema
from comfyflow.workflows import WorkflowFunction
from comfyflow.workflows.value_flow import value_flow

HEAD = '''
from __future__ import annotations
import enum, functools, random, time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
import comfynodes as nodes
from comfynodes import (
    CheckpointLoaderSimple, CLIPTextEncode, EmptyLatentImage, KSampler, LoadImage, LoraLoader, SaveImage,
    VAEDecode, VAEEncode, LatentUpscaleBy,
)
from comfyflow import bypassed, raw_node, titled, with_id, with_inputs, workflow

class Mode(enum.Enum):
    ONE = 1
    TWO = 2

class Sampling(NamedTuple):
    seed: int
    steps: int

@dataclass
class Size:
    width: int
    height: int = 64

PRESETS = {"small": (512, 512), "large": (1024, 1024)}
STEPS = 12
COUNTER = []

def encode(words, clip):
    """Words as conditioning.

    With a docstring of several lines.
    """
    return CLIPTextEncode(text=words, clip=clip)

def praised(words, clip):
    return CLIPTextEncode(text=words + ", best", clip=clip)

def sample(model, one, two, latent, seed, steps, cfg=5.0):
    return KSampler(
        model=model, seed=seed, steps=steps, cfg=cfg, sampler_name="euler", scheduler="normal",
        positive=one, negative=two, latent_image=latent,
    )
'''
SIGNATURE = (
    "text: str, negative: str = 'bad', seed: int = 0, steps: int = 20, cfg: float = 7.0, count: int = 1, "
    "flag: bool = False, preset: str = 'small', image: Path | None = None, note: str | None = None"
)
POSITIVE = [
    "CLIPTextEncode(text=text, clip=clip)",
    "encode(text, clip)",
    "encode(words=text, clip=clip)",
    "praised(text, clip)",
    "CLIPTextEncode(text=f'{text}, good', clip=clip)",
    "CLIPTextEncode(text=text.strip().upper(), clip=clip)",
    "CLIPTextEncode(text=text if flag else negative, clip=clip)",
    "encode(text, clip) if steps > 10 else encode(negative, clip)",
    "titled(CLIPTextEncode(text=text, clip=clip), text)",
    "nodes.CLIPTextEncode(text=text, clip=clip)",
    "raw_node('CLIPTextEncode', {'text': text, 'clip': clip})[0]",
    "with_inputs(CLIPTextEncode(text=text, clip=clip), {'text': negative})",
]
EMPTY = "EmptyLatentImage(width=64, height=64, batch_size=1)"
LORA = "LoraLoader(model=model, clip=clip, lora_name=negative, strength_model=cfg)"
EULER = "model=model, sampler_name='euler', scheduler='normal', latent_image=latent"
LATENT = [
    "EmptyLatentImage(width=64, height=64, batch_size=count)",
    "EmptyLatentImage(width=PRESETS[preset][0], height=PRESETS[preset][1], batch_size=1)",
    "EmptyLatentImage(width=steps * 8, height=steps * 8, batch_size=count)",
    f"VAEEncode(pixels=LoadImage(image=image).IMAGE, vae=vae) if image is not None else {EMPTY}",
    f"LatentUpscaleBy(samples={EMPTY}, upscale_method='bicubic', scale_by=cfg)",
]
BEFORE = [
    "pass",
    "steps = steps + 1",
    "steps: int = steps",
    "seed += 1",
    "words = text",
    f"if flag:\n        model, clip = {LORA}",
    f"for number in range(count):\n        model, clip = {LORA}",
    "how = Sampling(seed, steps)\n    seed = how.seed",
    "size = Size(count)\n    count = size.width",
    "parts = [text for text in (negative, 'x')]",
    "made = []\n    for each in (1, 2):\n        made.append(each)\n    count = len(made)",
    "assert text is not None\n    if not text:\n        raise ValueError('no text')",
    f"extra = note or 'none'\n    model = titled({LORA}, extra).MODEL",
    "if note is None:\n        cfg = 3.0",
    "kept = {'a': text, 'b': negative}\n    negative = kept['a']",
    "first, *others = [encode(text, clip), encode(negative, clip)]",
    "nothing = (walrus := steps)",
]
SAMPLED = [
    "sample(model, one, two, latent, seed, steps)",
    "sample(model, one, two, latent, seed, steps, cfg)",
    "sample(model, one, two, latent, *(seed, steps))",
    "sample(model, one, two, latent, seed=seed, steps=STEPS, cfg=cfg)",
    f"KSampler(seed=seed, steps=steps, cfg=cfg, positive=one, negative=two, denoise=min(cfg, 1.0), {EULER})",
    f"KSampler(seed=seed, steps=steps, cfg=cfg, positive=two, negative=one, {EULER})",
]
ROOT = [
    "SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix='x')",
    "[SaveImage(images=VAEDecode(samples=each, vae=vae), filename_prefix=text) for each in [latent] * count]",
    "{'picture': SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix=preset)}",
    "with_id(SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix='x'), f'save{count}')",
    "SaveImage(images=VAEDecode(samples=bypassed(latent, flag), vae=vae), filename_prefix=negative)",
    "SaveImage(images=VAEDecode(samples=bypassed(latent, False), vae=vae), filename_prefix=negative)",
]
NUMBERS = itertools.count()


def module(folder: Path, source: str) -> Any:
    """A module of that source, in a file, as those of users are."""
    name = f"refilled_{next(NUMBERS)}"
    path = folder / f"{name}.py"
    path.write_text(HEAD + source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def function(folder: Path, body: str, signature: str = SIGNATURE) -> WorkflowFunction[..., Any]:
    made: WorkflowFunction[..., Any] = module(
        folder, f"\n@workflow\ndef made({signature}):\n    {body}\n"
    ).made
    return made


def body(before: list[str], positive: str, latent: str, sampled: str, root: str) -> str:
    lines = [
        "model, clip, vae = CheckpointLoaderSimple(ckpt_name='a.safetensors')",
        *before,
        f"one = {positive}",
        "two = CLIPTextEncode(text=negative, clip=clip)",
        f"latent = {latent}",
        f"latent = {sampled}",
        f"return {root}",
    ]
    return "\n    ".join(lines)


BODIES = st.builds(
    body,
    st.lists(st.sampled_from(BEFORE), max_size=2),
    st.sampled_from(POSITIVE),
    st.sampled_from(LATENT),
    st.sampled_from(SAMPLED),
    st.sampled_from(ROOT),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "negative": st.sampled_from(["bad", "worse", ""]),
    "seed": st.sampled_from([0, 1, 2**64 - 1]),
    "steps": st.sampled_from([1, 20]),
    "cfg": st.sampled_from([1.0, 7.5]),
    "count": st.integers(1, 3),
    "flag": st.booleans(),
    "preset": st.sampled_from(["small", "large"]),
    "image": st.sampled_from([None, "a.png", "b/c.png"]),
    "note": st.sampled_from([None, "", "n"]),
}
ROWS = st.lists(
    st.fixed_dictionaries({"text": st.sampled_from(["a", "b", " c "])}, optional=VALUES),
    min_size=6,
    max_size=24,
)


def written(prompt: Any) -> str:
    return json.dumps(prompt, sort_keys=False)


@settings(max_examples=40, deadline=None)
@given(BODIES, ROWS)
def test_what_is_filled_is_what_would_have_been_compiled(
    tmp_path_factory: pytest.TempPathFactory, source: str, rows: list[dict[str, Any]]
) -> None:
    made = function(tmp_path_factory.mktemp("refill"), source)
    recipe = Recipe.of(made)
    parameters = Parameters(made.parameters)
    fresh: dict[str, str] = {}
    for row in Rows.of(rows * 3).checked(recipe.columns):
        prepared = recipe.prepare(row)
        arguments = parameters.from_json(row.parameters)
        assert written(prepared.prompt) == written(parameters.call(made, arguments).to_prompt())
        assert fresh.setdefault(prepared.hash, written(strip(prepared.prompt))) == written(
            strip(prepared.prompt)
        )
    assert recipe.filled + recipe.compiled >= 3 * len(rows)


def strip(prompt: Any) -> Any:
    return {name: {**node, "_meta": None} for name, node in sorted(prompt.items())}


def test_simple_functions_are_filled(tmp_path: Path) -> None:
    source = body(["pass"], POSITIVE[1], LATENT[0], SAMPLED[1], ROOT[0])
    made = function(tmp_path, source)
    flow = value_flow(made.function)
    assert flow is not None
    assert flow.values >= {"text", "negative", "seed", "steps", "cfg", "count"}
    recipe = Recipe.of(made)
    rows = Rows.grid(text=["a", "b"], steps=range(1, 101)).checked(recipe.columns)
    hashes = {recipe.prepare(row).hash for row in rows}
    assert len(hashes) == 200
    assert recipe.filled > 185


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ("cfg = cfg", {"cfg"}),
        ("negative = text + '!'", {"negative", "text"}),
        ("if flag:\n        pass", {"flag"}),
        ("x = [seed for seed in (1, 2)]", {"seed"}),
        ("x = [f'{negative}' for _ in range(3)]", {"negative"}),
        ("for steps in (1, 2):\n        pass", {"steps"}),
        ("x = PRESETS.get(preset)", {"preset"}),
        ("x = text in {'a', 'b'}", {"text"}),
        ("x = 1 if text is None is None else 2", {"text"}),
        ("x = 1 if text is not None else 2", set[str]()),
    ],
)
def test_a_parameter_that_is_looked_at_is_no_mere_value(tmp_path: Path, line: str, used: set[str]) -> None:
    everything = {"text", "negative", "seed", "steps", "cfg"}
    flow = value_flow(function(tmp_path, body([line], POSITIVE[0], LATENT[0], SAMPLED[1], ROOT[0])).function)
    assert flow is not None
    assert flow.values & everything == everything - used


@pytest.mark.parametrize(
    "line",
    [
        "seed = random.randint(0, 9)",
        "x = time.time()",
        "COUNTER.append(1)",
        "PRESETS['small'] = (1, 1)",
        "x = Path('a').exists()",
        "x = open(__file__).read()",
        "x = locals()",
        "x = eval('steps')",
        "x = globals()['STEPS']",
        "x = {encode(text, clip), encode(negative, clip)}",
        "try:\n        pass\n    finally:\n        pass",
        "while False:\n        pass",
        "with open('x'):\n        pass",
        "import os",
        "global STEPS",
        "x = lambda: text",
        "def inner():\n        return text",
        "x = functools.reduce(max, [1])",
        "x = made",
        "x = text.__class__",
        "x = sorted([2, 1], key=encode)",
        "x = [0 for PRESETS['a'] in (1, 2)]",
        "x = nodes",
        "x = text.encode().decode()",
        "x = undefined_name",
        "del negative",
        "x = Mode(count)",
    ],
)
def test_a_function_that_does_what_the_proof_does_not_know(tmp_path: Path, line: str) -> None:
    source = body([line], POSITIVE[0], LATENT[0], SAMPLED[1], ROOT[0])
    assert value_flow(function(tmp_path, source).function) is None


def test_functions_without_a_source_that_can_be_trusted(tmp_path: Path) -> None:
    made = function(tmp_path, body(["pass"], POSITIVE[0], LATENT[0], SAMPLED[1], ROOT[0]))
    path = Path(made.function.__code__.co_filename)
    path.write_text(path.read_text().replace("cfg=cfg", "cfg=1.0 if text else cfg"))
    assert value_flow(made.function) is None
    assert value_flow(print) is None
    assert value_flow(len) is None
    scope: dict[str, Any] = {}
    exec("def of_no_file(text): return text", scope)  # noqa: S102
    assert value_flow(scope["of_no_file"]) is None


def test_what_a_function_reads_of_the_outside_may_change(tmp_path: Path) -> None:
    source = body(["pass"], POSITIVE[0], LATENT[1], SAMPLED[3], ROOT[0])
    made = module(tmp_path, f"\n@workflow\ndef made({SIGNATURE}):\n    {source}\n")
    recipe = Recipe.of(made.made)
    rows = list(Rows.grid(text=["a"], seed=range(4)).checked(recipe.columns))
    for row in rows:
        recipe.prepare(row)
    assert recipe.filled > 0
    made.PRESETS["small"] = (8, 16)
    assert written(recipe.prepare(rows[1]).prompt) == written(made.made(text="a", seed=1).to_prompt())
    made.PRESETS["small"] = (512, 512)
    made.STEPS = 3
    assert written(recipe.prepare(rows[2]).prompt) == written(made.made(text="a", seed=2).to_prompt())


def test_a_proof_that_fails_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The class is changed behind the proof's back: the comparison finds it."""
    made = module(
        tmp_path,
        "\n@workflow\ndef made(text: str):\n"
        "    return SaveImage(images=LoadImage(image='a.png').IMAGE, filename_prefix=text)\n",
    )
    recipe = Recipe.of(made.made)
    plain = made.SaveImage.__init__

    def changed(self: Any, *, images: Any, filename_prefix: Any) -> None:
        plain(self, images=images, filename_prefix=filename_prefix)
        if self._inputs["filename_prefix"] == "c":
            self._inputs["filename_prefix"] = "C"

    monkeypatch.setattr(made.SaveImage, "__init__", changed)
    with caplog.at_level(logging.WARNING, "comfyflow.batch"):
        for text in ["a", "b", "c", "c", "c", "c", "c", "c"]:
            prompt = recipe.prepare(Row(0, {"text": text})).prompt
    assert "compiled for" in caplog.text
    assert [
        node["inputs"]["filename_prefix"] for node in prompt.values() if "Save" in node["class_type"]
    ] == ["C"]


def test_errors_are_those_of_compiling(tmp_path: Path) -> None:
    source = body([BEFORE[11]], POSITIVE[0], LATENT[0], SAMPLED[1], ROOT[0])
    recipe = Recipe.of(function(tmp_path, source))
    for _ in range(3):
        recipe.prepare(Row(0, {"text": "a", "cfg": 1.0}))
        with pytest.raises(ValueError, match="no text"):
            recipe.prepare(Row(0, {"text": ""}))
        with pytest.raises(ParameterError, match="at most 100"):
            recipe.prepare(Row(0, {"text": "a", "cfg": float("inf")}))
        with pytest.raises(ParameterError, match="integer"):
            recipe.prepare(Row(0, {"text": "a", "steps": "x"}))
        with pytest.raises(RowsError, match="steps is wrong"):
            recipe.prepare(Row(0, {}, problems=(RowProblem("steps", "is wrong"),)))


def test_a_value_that_no_prompt_can_hold(tmp_path: Path) -> None:
    recipe = Recipe.of(function(tmp_path, "return raw_node('X', {'number': number})", "number: float"))
    with pytest.raises(CompileError, match="not a number that JSON can hold"):
        recipe.prepare(Row(0, {"number": float("inf")}))


def test_what_a_prompt_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Path(name).write_bytes(b"")
    source = body(["pass"], POSITIVE[0], LATENT[3], SAMPLED[1], ROOT[0])
    recipe = Recipe.of(function(tmp_path, source))
    for name in ("a.png", "b.png") * 3:
        prepared = recipe.prepare(Row(0, {"text": "x", "image": name}))
        assert prepared.uploads == (FileUse(_node(prepared.prompt, "LoadImage"), "image", Path(name)),)
        assert prepared.models == {"a.safetensors"}
        assert {"LoadImage", "VAEEncode"} <= prepared.classes
        assert prepared.source.is_own(_node(prepared.prompt, "LoadImage"), "image")
        assert prepared.source.graph[_node(prepared.prompt, "LoadImage")].inputs["image"] == name
    assert recipe.filled > 0


def _node(prompt: Any, class_type: str) -> str:
    return next(node_id for node_id, node in prompt.items() if node["class_type"] == class_type)


def titled(title: str) -> dict[str, Any]:
    return {"_meta": {"title": title}}


PROMPT: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "123", "clip": ["1", 1]}, **titled("Yes")},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "no", "clip": ["1", 1]}, **titled("No.1")},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["5", 0],
            "seed": 1, "steps": 20, "cfg": 7, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        },
    },
    "6": {"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": 2, "steps": 5}},
}  # fmt: skip


def test_a_prompt_is_filled_by_its_inputs() -> None:
    recipe = Recipe.of(PROMPT)
    rows = Rows.grid("Yes.text=a cat,true", "No.1.text=x", "4.steps=7", "cfg=1.5") * Rows.seeds(2)
    seeds = [row.parameters["seed"] for row in Rows.seeds(2)]
    made = [recipe.prepare(row).prompt for row in rows.checked(recipe.columns)]
    assert [node["2"]["inputs"]["text"] for node in made] == ["a cat", "a cat", "true", "true"]
    assert [node["4"]["inputs"]["seed"] for node in made] == seeds * 2
    assert [node["6"]["inputs"]["noise_seed"] for node in made] == seeds * 2
    assert made[0]["4"]["inputs"] == {**PROMPT["4"]["inputs"], "seed": seeds[0], "steps": 7, "cfg": 1.5}
    assert made[0]["3"]["inputs"]["text"] == "x"
    assert PROMPT["4"]["inputs"]["steps"] == 20
    assert (recipe.filled, recipe.compiled) == (3, 1)


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("steps=1", "steps is an input of 2 nodes; name one: 4.steps, 6.steps"),
        ("KSampler.stesp=1", "KSampler.stesp is not an input of node #4; did you mean 'steps'?"),
        ("KSamplr.steps=1", "KSamplr.steps does not name a node; did you mean 'KSampler'?"),
        ("CLIPTextEncode.text=x", "CLIPTextEncode.text matches 2 nodes; choose one by id: 2, 3"),
        ("wdith=1", "wdith is not an input; did you mean 'width'?"),
        ("KSampler.steps=x", "value 1: KSampler.steps expects an integer, at least 1, "),
        (
            "KSampler.sampler_name=eulr",
            "value 1: KSampler.sampler_name got 'eulr'; did",
        ),
        (
            "KSampler.denoise=1.5",
            "value 1: KSampler.denoise expects a number, at least 0.0, ",
        ),
    ],
)
def test_columns_of_a_prompt_that_are_wrong(axis: str, message: str) -> None:
    recipe = Recipe.of(PROMPT, reference_schema())
    with pytest.raises(RowsError) as caught:
        Rows.grid(axis).checked(recipe.columns)
    assert str(caught.value.problems[0])[: len(message)] == message


def test_two_names_of_one_input_are_one_column() -> None:
    recipe = Recipe.of(PROMPT)
    with pytest.raises(RowsError, match="a second time"):
        Rows.of([{"4.steps": 1, "KSampler.steps": 2}]).checked(recipe.columns)
    with pytest.raises(RowsError, match="twice"):
        (Rows.grid("4.steps=1") * Rows.grid("KSampler.steps=2")).checked(recipe.columns)


def test_lists_and_files_in_a_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.png").write_bytes(b"")
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "theirs.png"}},
        "2": {"class_type": "Strange", "inputs": {"list": None, "image": ["1", 0]}},
    }
    recipe = Recipe.of(prompt)
    rows = Rows.each("image=*.png") * Rows.grid({"2.list": [["1", 0]]})
    [row] = rows.checked(recipe.columns)
    prepared = recipe.prepare(row)
    assert prepared.prompt["2"]["inputs"]["list"] == {"__value__": ["1", 0]}
    assert prepared.uploads == (FileUse("1", "image", Path("mine.png")),)
    assert prepared.source.is_own("1", "image")
    assert not Recipe.of(prompt).prepare(Row(0, {})).source.is_own("1", "image")


def test_a_recipe_of_a_file_and_of_an_editor_workflow(tmp_path: Path) -> None:
    path = tmp_path / "prompt.json"
    path.write_text(json.dumps(PROMPT))
    recipe = Recipe.of(path)
    assert recipe.prepare(Row(0, {"KSampler.steps": 3})).prompt["4"]["inputs"]["steps"] == 3


def test_templates_are_bounded(tmp_path: Path) -> None:
    source = body(["pass"], POSITIVE[4], LATENT[0], SAMPLED[1], ROOT[0])
    recipe = Recipe.of(function(tmp_path, source))
    for number in random.Random(0).choices(range(200), k=600):
        recipe.prepare(Row(0, {"text": f"{number}"}))
    assert len(vars(recipe)["_templates"]) <= 64
