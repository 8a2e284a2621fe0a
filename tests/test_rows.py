"""Rows of a sweep: where they come from, what they become, and what is said of those that are wrong."""

from __future__ import annotations

import asyncio
import csv
import enum
import io
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from comfynodes import LoadImage, PreviewImage
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from comfyflow import workflow
from comfyflow.batch import rows as rows_module
from comfyflow.batch.columns import LARGEST_SEED
from comfyflow.batch.draw import Draw
from comfyflow.batch.row import Row
from comfyflow.batch.rows import Rows
from comfyflow.errors import RowsError
from comfyflow.parameters import Parameters


class Quality(enum.Enum):
    DRAFT = 1
    FINAL = 2


@workflow
def poster(
    prompt: str,
    negative: str = "bad",
    steps: Annotated[int, Field(ge=1, le=50)] = 20,
    cfg: float = 7.0,
    sampler: Literal["euler", "ddim"] = "euler",
    image: Path = Path("a.png"),
    loras: list[str] = [],  # noqa: B006
    fast: bool = False,
    quality: Quality = Quality.DRAFT,
    size: tuple[int, int] = (512, 512),
    seed: int = 0,
) -> PreviewImage:
    return PreviewImage(images=LoadImage(image=image))


def values(rows: Rows) -> list[Any]:
    return [row.parameters for row in rows]


def refused(rows: Rows) -> list[str]:
    with pytest.raises(RowsError) as caught:
        rows.checked(poster)
    return [str(problem) for problem in caught.value.problems]


def written(folder: Path, text: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_grid_is_the_product_in_order() -> None:
    rows = Rows.grid("prompt=a cat", "steps=10,20", sampler=["euler", "ddim"]).checked(poster)
    assert rows.total == 4
    assert list(rows) == [
        Row(number, {"prompt": "a cat", "steps": steps, "sampler": sampler})
        for number, (steps, sampler) in enumerate(itertools.product((10, 20), ("euler", "ddim")))
    ]
    assert list(rows) == list(rows)


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ('prompt="a, b",c, d', ["a, b", "c", "d"]),
        ('prompt=["", "x"]', ["", "x"]),
        ("prompt=[a] (b:1.2)", ["[a] (b:1.2)"]),
        ("prompt=a=b", ["a=b"]),
        ("size=[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ("quality=FINAL,1", [2, 1]),
        ("fast=yes,no", [True, False]),
        ("image=a/b.png", ["a/b.png"]),
        ('loras=a,"[""b"", ""c""]"', [["a"], ["b", "c"]]),
        ("seed=18446744073709551615", [2**64 - 1]),
    ],
)
def test_an_axis_is_written_as_on_a_command_line(axis: str, expected: list[Any]) -> None:
    rows = Rows.grid(axis) * Rows.of([{} if axis.startswith("prompt") else {"prompt": "x"}])
    name = axis.partition("=")[0]
    assert [row.parameters[name] for row in rows.checked(poster)] == expected


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (["steps"], "NAME=VALUE"),
        (["steps="], "has no values"),
        (["steps=1,,2"], "empty value"),
        (["steps=1", "steps=2"], "given twice"),
        (['prompt="a'], "cannot be read"),
        ([], "at least one axis"),
    ],
)
def test_what_is_no_axis_is_refused(axes: list[str], message: str) -> None:
    with pytest.raises(RowsError, match=message):
        Rows.grid(*axes)


def test_all_problems_of_a_grid_are_told_at_once() -> None:
    rows = Rows.grid("promt=a", "steps=ten,20,99", "sampler=eulr")
    assert refused(rows) == [
        "promt is not a parameter; did you mean 'prompt'?",
        "value 1: steps expects an integer, at least 1, at most 50, not 'ten'",
        "value 3: steps expects an integer, at least 1, at most 50, not '99'",
        "value 1: sampler got 'eulr'; did you mean 'euler'?",
        "prompt is missing; it expects a string",
    ]


def test_seeds_differ_and_are_the_same_again() -> None:
    seeds = [row.parameters["seed"] for row in Rows.seeds(500).checked(_no_prompt)]
    assert len(set(seeds)) == 500
    assert all(isinstance(seed, int) and 0 <= seed <= LARGEST_SEED for seed in seeds)
    assert seeds[:8] == [row.parameters["seed"] for row in Rows.seeds(8)]
    assert seeds != [row.parameters["seed"] for row in Rows.seeds(500, key=1)]


def test_seeds_are_the_same_on_every_machine() -> None:
    assert [row.parameters["seed"] for row in Rows.seeds(3)] == [828057056, 478169708, 2846993377]


@workflow
def _no_prompt(seed: int = 0) -> PreviewImage:
    return PreviewImage(images=LoadImage(image="a.png"))


@workflow
def _small_seed(noise_seed: Annotated[int, Field(le=3)] = 0) -> PreviewImage:
    return PreviewImage(images=LoadImage(image="a.png"))


@workflow
def _two_seeds(first_seed: int, second_seed: int = 0) -> PreviewImage:
    return PreviewImage(images=LoadImage(image="a.png"))


@workflow
def _no_seed(color: int = 0, width: int = 8) -> PreviewImage:
    return PreviewImage(images=LoadImage(image="a.png"))


def test_seeds_find_their_parameter_and_its_limit() -> None:
    assert sorted(row.parameters["noise_seed"] for row in Rows.seeds(4).checked(_small_seed)) == [0, 1, 2, 3]  # type: ignore[type-var]
    with pytest.raises(RowsError, match="only 4 different values, not 5"):
        Rows.seeds(5).checked(_small_seed)
    for function, why in (
        (_two_seeds, ", but first_seed and second_seed are; name one as NAME=COUNT"),
        (_no_seed, r"; name the one to vary as NAME=COUNT \(parameters: color, width\)"),
        (workflow(lambda: PreviewImage(images=LoadImage(image="a.png"))), ", which has none"),
    ):
        with pytest.raises(RowsError, match=f"seed is not a parameter of the workflow{why}"):
            Rows.seeds(5).checked(function)
    assert len(values(Rows.seeds("first_seed=2").checked(_two_seeds))) == 2
    for wrong in ("0", "=3", "x", "seed=x"):
        with pytest.raises(RowsError, match="COUNT"):
            Rows.seeds(wrong)


@given(st.integers(1, 300), st.integers(0, 5))
def test_a_draw_has_every_number_once(size: int, key: int) -> None:
    assert sorted(Draw(size, key)) == list(range(size))


@given(st.integers(1, 10**60), st.integers(0, 50))
def test_a_draw_of_any_size_takes_no_time(size: int, index: int) -> None:
    draw = Draw(size)
    if index < size:
        assert 0 <= draw[index] < size
    else:
        with pytest.raises(IndexError):
            draw[index]


def test_a_sample_of_an_immense_grid() -> None:
    grid = Rows.grid({f"x{axis}": range(100_000) for axis in range(12)})
    sample = grid.sample(50)
    assert grid.total == 10**60
    assert sample.total == 50
    found = values(sample)
    assert len({tuple(each.values()) for each in found}) == 50
    assert found == values(sample)
    assert values(grid.sample(20)) == found[:20]
    assert values(grid.sample(20, key=1)) != found[:20]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 700))
def test_a_sample_is_of_the_grid_and_without_repetition(sizes: list[int], count: int) -> None:
    grid = Rows.grid({f"x{axis}": range(size) for axis, size in enumerate(sizes)})
    rows = [tuple(row.parameters.values()) for row in grid]
    assert rows == list(itertools.product(*map(range, sizes)))
    drawn = [tuple(row.parameters.values()) for row in grid.sample(count)]
    assert len(drawn) == len(set(drawn)) == min(count, len(rows))
    assert set(drawn) <= set(rows)


def test_a_sample_of_a_file_and_of_what_has_none(tmp_path: Path) -> None:
    rows = Rows.csv(written(tmp_path, "prompt\n" + "".join(f"p{n}\n" for n in range(30)))) * Rows.seeds(2)
    found = rows.sample(10).checked(poster)
    assert len({tuple(row.parameters.values()) for row in found}) == 10
    with pytest.raises(RowsError, match="not from a generator"):
        Rows.of(iter([{}])).sample(2)
    with pytest.raises(RowsError, match="at least 1 row"):
        rows.sample(0)


SPREADSHEET = (
    'prompt;steps;cfg;loras;#note;\r\n"a ""big""\r\ncat; red";10;1,5;;ask Ann;\r\n;;;;;\r\nBär;;;x;;\r\n'
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_as_a_spreadsheet_writes_it(tmp_path: Path, encoding: str, separator: str) -> None:
    text = SPREADSHEET.replace("; red", ", red").replace(";", separator)
    if separator == "\t":
        text = text.replace("1,5", "1.5")
    data = b"\xff\xfe" + text.encode("utf-16-le") if "bom" in encoding else text.encode(encoding)
    rows = Rows.csv(written(tmp_path, data)).checked(poster)
    assert rows.total == 2
    assert [(row.parameters, row.place) for row in rows] == [
        ({"prompt": 'a "big"\r\ncat, red', "steps": 10, "cfg": 1.5}, "rows.csv, line 2"),
        ({"prompt": "Bär", "loras": ["x"]}, "rows.csv, line 5"),
    ]


def test_csv_with_sep_in_front_and_another_encoding(tmp_path: Path) -> None:
    rows = Rows.csv(written(tmp_path, "sep=|\nprompt|steps\nBär, x|3\n".encode("cp1252")), encoding="cp1252")
    assert [(row.parameters, row.place) for row in rows.checked(poster)] == [
        ({"prompt": "Bär, x", "steps": 3}, "rows.csv, line 3")
    ]


def test_all_problems_of_a_csv_file_are_told_at_once(tmp_path: Path) -> None:
    text = 'prompt,stesp,steps,cfg,cfg,seed,\na,1,ten,,,1.23E+15,\n"b\nb",,60,,,,left over\n,,1,x,,,,more\n'
    assert refused(Rows.csv(written(tmp_path, text))) == [
        "rows.csv, line 1: stesp is not a parameter; did you mean 'steps'?",
        "rows.csv, line 1: cfg appears twice: in columns D and E",
        "rows.csv, line 2: steps expects an integer, at least 1, at most 50, not 'ten'",
        "rows.csv, line 2: seed expects an integer, not '1.23E+15' (" + ROUNDED,
        "rows.csv, line 3: 'left over' is in column G, which has no name",
        "rows.csv, line 3: steps expects an integer, at least 1, at most 50, not '60'",
        "rows.csv, line 5: 'more' is in column H, which has no name",
        "rows.csv, line 5: cfg expects a number, not 'x'",
    ]


def test_a_problem_that_many_rows_have_is_told_once(tmp_path: Path) -> None:
    path = written(tmp_path, "steps,seed\n" + "1,2\n" * 100)
    with pytest.raises(RowsError) as caught:
        Rows.csv(path).checked(poster)
    assert str(caught.value) == (
        "100 problems in the rows; nothing was sent\n  rows.csv, line 2; rows.csv, line 3; "
        "rows.csv, line 4; and 97 more: prompt is missing; it expects a string"
    )
    assert caught.value.count == 100
    assert caught.value.problems[7].row == 7


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: it is empty"),
        (b'prompt\n"a\nb\n', "line 2: the row that begins here does not end: a quote is not closed"),
        (b'prompt,steps\n"a"x,2\n', "line 2: cannot be read"),
        (b"prompt\nok\nB\xe4r\n", "line 3: is not in the encoding utf-8; save the file as UTF-8"),
        (b"prompt\na\0b\n", "line 2: contains a NUL"),
        (b'prompt,steps\na, "b, c"\n', "there must be no space between a separator and a quote"),
        (b"\xff\xfea", "is not in the encoding utf-16"),
        (b"prompt\n" + b"x" * 5_000_000, "line 2: the line is longer"),
        (b",".join(b"c%d" % number for number in range(1001)), "1,001 columns"),
        (b"prompt\n" + b'"' + b"x" * 200_000 + b'"\n', "a quote is not closed"),
    ],
)
def test_a_csv_file_that_cannot_be_read(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(RowsError, match=message):
        Rows.csv(written(tmp_path, data)).checked(poster)


def test_a_file_that_is_not_there_and_an_encoding_that_there_is_none_of(tmp_path: Path) -> None:
    with pytest.raises(RowsError, match="cannot be read: No such file"):
        Rows.csv(tmp_path / "no.csv")
    with pytest.raises(RowsError, match="cannot be read"):
        Rows.jsonl(tmp_path)
    with pytest.raises(RowsError, match="unknown encoding 'x'"):
        Rows.csv(written(tmp_path, "prompt\na\n"), encoding="x").checked(poster)


ROUNDED = "a spreadsheet has rounded a large number: format the column as text)"
CELL = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)


@given(
    st.lists(st.tuples(CELL.filter(bool), CELL), min_size=1, max_size=6),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_the_csv_module_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[tuple[str, str]],
    separator: str,
    ending: str,
    encoding: str,
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=ending)
    writer.writerows([("prompt", "negative"), *cells])
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    path.write_bytes(out.getvalue().encode(encoding))
    assert values(Rows.csv(path).checked(poster)) == [
        {"prompt": one, **({"negative": two} if two else {})} for one, two in cells
    ]


def test_json_lines(tmp_path: Path) -> None:
    text = '\ufeff{"prompt": "a", "steps": 3, "size": [1, 2]}\n\n{"prompt": "", "fast": true}\n'
    rows = Rows.jsonl(written(tmp_path, text, "rows.jsonl")).checked(poster)
    assert rows.total == 2
    assert [(row.parameters, row.place) for row in rows] == [
        ({"prompt": "a", "steps": 3, "size": [1, 2]}, "rows.jsonl, line 1"),
        ({"prompt": "", "fast": True}, "rows.jsonl, line 3"),
    ]


def test_all_problems_of_json_lines_are_told_at_once(tmp_path: Path) -> None:
    lines = [
        '{"prompt": "a"',
        "[1]",
        '{"prompt": "a", "prompt": "b"}',
        '{"promt": "a", "steps": "x", "cfg": null}',
        '{"prompt": "a", "cfg": NaN}',
        '{"prompt": "a", "negative_prompt": 1, "no-such": 2}',
        "[" * 100_000,
    ]
    found = refused(Rows.jsonl(written(tmp_path, "\n".join(lines), "r.jsonl")))
    assert [each.partition(", ")[2] for each in found[:-1]] == [
        "line 1: is not JSON: Expecting ',' delimiter: line 2 column 1 (char 15)",
        "line 2: is not a JSON object but '[1]'; JSON Lines has one per line",
        "line 3: has 'prompt' twice",
        "line 4: promt is not a parameter; did you mean 'prompt'?",
        "line 4: steps expects an integer, at least 1, at most 50, not 'x'",
        "line 4: cfg expects a number, not None: input should be a valid number",
        "line 4: prompt is missing; it expects a string",
        "line 5: is not JSON: NaN is not JSON",
        "line 6: negative_prompt is not a parameter; did you mean 'negative'?",
        "line 6: no-such is not a parameter; valid parameters: " + ", ".join(poster.parameters),
    ]
    assert found[-1].startswith("r.jsonl, line 7: is not JSON: ")


def test_a_row_for_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in ("b.png", "a.png", "c.jpg", "deep/d.png"):
        written(tmp_path / "photos", "", name)
    monkeypatch.chdir(tmp_path)
    rows = Rows.each("image=photos/*.png") * Rows.grid(prompt=["x"], steps=[1, 2])
    assert [tuple(row.parameters.values()) for row in rows.checked(poster)] == [
        ("photos/a.png", "x", 1),
        ("photos/a.png", "x", 2),
        ("photos/b.png", "x", 1),
        ("photos/b.png", "x", 2),
    ]
    assert [row.parameters["image"] for row in Rows.each(image="photos/**/*.png")] == [
        "photos/a.png",
        "photos/b.png",
        "photos/deep/d.png",
    ]
    for pattern, message in [
        ("image=photos/*.webp", "no file matches photos/\\*.webp; photos has a.png, b.png, c.jpg"),
        ("image=photos/aa.png", r"did you mean photos/a.png\?"),
        ("image=fotos/*.png", "folder not found: fotos"),
        ("image", "NAME=PATTERN"),
    ]:
        with pytest.raises(RowsError, match=message):
            Rows.each(pattern)


def test_rows_of_python() -> None:
    given_rows = [
        {"prompt": "a", "image": Path("x/y.png"), "quality": Quality.FINAL, "size": (1, 2)},
        Row(7, {"prompt": "b", "quality": 1}),
    ]
    rows = Rows.of(given_rows).checked(poster)
    assert rows.total == 2
    assert values(rows) == [
        {"prompt": "a", "image": "x/y.png", "quality": 2, "size": [1, 2]},
        {"prompt": "b", "quality": 1},
    ]
    assert [row.number for row in rows] == [0, 1]
    numpy = pytest.importorskip("numpy")
    assert values(Rows.of([{"prompt": "a", "steps": numpy.int64(3)}]).checked(poster)) == [
        {"prompt": "a", "steps": 3}
    ]
    assert refused(Rows.of([{"prompt": "a", "cfg": float("nan")}, {"prompt": "a", "image": b"x"}])) == [
        "row 0: cfg got nan, which JSON cannot hold; omit the value for the default",
        "row 1: image expects a path, not b'x': input is not a valid path for <class 'pathlib.Path'>",
    ]
    with pytest.raises(RowsError, match=r"to_dict\('records'\)"):
        Rows.of(["prompt"]).checked(poster)


def test_rows_without_an_end_are_checked_as_they_come() -> None:
    def endless() -> Iterator[dict[str, Any]]:
        for number in itertools.count():
            yield {"prompt": f"p{number}", "steps": number}

    rows = (Rows.of(endless()) * Rows.grid("cfg=1,2")).checked(poster)
    assert rows.total is None
    first = list(itertools.islice(rows, 6))
    assert [row.number for row in first] == [0, 1, 2, 3, 4, 5]
    assert [row.parameters for row in first[2:4]] == [
        {"prompt": "p1", "steps": 1, "cfg": 1.0},
        {"prompt": "p1", "steps": 1, "cfg": 2.0},
    ]
    assert [str(problem) for problem in first[1].problems] == [
        "row 1: steps expects an integer, at least 1, at most 50, not 0"
    ]
    with pytest.raises(RowsError, match="read only once"):
        Rows.grid("cfg=1,2") * Rows.of(endless())


def test_of_a_long_list_the_first_rows_are_checked_before_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "ROWS_CHECKED", 3)
    late = [{"prompt": "a"}] * 4 + [{"prompt": 5}]
    rows = Rows.of(late).checked(poster)
    assert [bool(row.problems) for row in rows] == [False] * 4 + [True]
    with pytest.raises(RowsError):
        Rows.of(late[2:]).checked(poster)


def test_rows_that_come_asynchronously() -> None:
    async def coming() -> AsyncIterator[dict[str, Any]]:
        for number in range(3):
            await asyncio.sleep(0)
            yield {"prompt": "a", "steps": number}

    async def read(rows: Rows) -> list[Row]:
        return [row async for row in rows]

    rows = (Rows.of(coming()) * Rows.grid("cfg=1,2")).checked(poster)
    found = asyncio.run(read(rows))
    assert [row.number for row in found] == list(range(6))
    assert [bool(row.problems) for row in found] == [True, True, False, False, False, False]
    with pytest.raises(TypeError, match="async for"):
        list(Rows.of(coming()))
    grid = Rows.grid("prompt=a,b").checked(poster)
    assert asyncio.run(read(grid)) == list(grid)


def test_one_parameter_given_by_two_parts_of_a_sweep(tmp_path: Path) -> None:
    rows = Rows.csv(written(tmp_path, "prompt,steps\na,1\n")) * Rows.grid("steps=2,3")
    assert set(refused(rows)) == {"rows.csv, line 2: steps is given twice: by two parts of the sweep"}


TEXTS = {
    "steps": st.integers(1, 50).map(str),
    "cfg": st.floats(allow_nan=False, allow_infinity=False).map(str),
    "sampler": st.sampled_from(["euler", "ddim"]),
    "image": st.sampled_from(["a.png", "x/y.png"]),
    "loras": st.sampled_from(["a", '["a", "b"]', "[]"]),
    "fast": st.sampled_from(["yes", "FALSE", "1"]),
    "quality": st.sampled_from(["DRAFT", "FINAL", "1", "2"]),
    "size": st.sampled_from(["[1, 2]"]),
    "seed": st.integers(0, 2**64 - 1).map(str),
}


@given(st.fixed_dictionaries({}, optional=TEXTS))
def test_a_row_means_what_its_texts_mean(texts: dict[str, str]) -> None:
    parameters = Parameters(poster.parameters)
    grid = Rows.grid({"prompt": ["x"]}, *(f"{name}={_quoted(text)}" for name, text in texts.items()))
    [row] = grid.checked(poster)
    arguments = parameters.from_json(row.parameters)
    assert arguments == {
        "prompt": "x",
        **{name: parameters[name].from_texts([t]) for name, t in texts.items()},
    }


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
