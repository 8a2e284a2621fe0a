from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from comfyflow.batch.retry import verdict
from comfyflow.batch.schedule import Assignment, Need, Offer, Schedule

LOADER = "CheckpointLoaderSimple"
ALL: dict[str, Offer | None] = {
    LOADER: Offer(frozenset({"a.ckpt", "b.ckpt", "c.ckpt"})),
    "SaveImage": Offer(),
}


def need(model: str = "a.ckpt") -> Need:
    return Need(frozenset({LOADER, "SaveImage"}), frozenset({model}))


def schedule(*urls: str, depth: int = 2, window: int = 100) -> Schedule:
    made = Schedule(depth, window)
    for url in urls:
        made.add_server(url)
        made.available(url, ALL)
    return made


def rows(found: list[Assignment]) -> dict[str, list[int]]:
    given: dict[str, list[int]] = {}
    for each in found:
        given.setdefault(each.server, []).append(each.number)
    return given


def test_each_server_has_as_many_rows_as_its_depth_and_the_last_are_spread() -> None:
    made = schedule("x", "y", depth=3)
    for number in range(4):
        made.add(number, need())
    assert rows(made.assign()) == {"x": [0, 2], "y": [1, 3]}
    for number in range(4, 20):
        made.add(number, need())
    assert {url: len(found) for url, found in rows(made.assign()).items()} == {"x": 1, "y": 1}
    assert made.assign() == []
    made.finished("x", 0)
    assert [each.server for each in made.assign()] == ["x"]


def test_a_server_gets_only_what_it_can_run() -> None:
    made = schedule("x")
    made.add_server("y")
    made.available("y", {**ALL, LOADER: Offer(frozenset({"b.ckpt"}))})
    for number in range(4):
        made.add(number, need("b.ckpt" if number % 2 else "a.ckpt"))
    assert rows(made.assign()) == {"x": [0, 2], "y": [1, 3]}


def test_what_no_server_can_run_is_told_once_all_were_asked() -> None:
    made = schedule("x")
    made.add_server("y")
    made.add(1, Need(frozenset({"Unheard"})))
    made.add(2, need())
    assert made.impossible() == {}
    assert made.unknown("x") == {"Unheard"}
    made.available("x", {"Unheard": None})
    made.available("y", {**ALL, "Unheard": None})
    assert made.impossible() == {
        1: "no server has the node class 'Unheard'; the pack that provides it may not be installed",
    }
    assert made.waiting == 1


def test_a_file_that_no_server_lists_is_for_a_server_to_refuse_once_all_were_asked() -> None:
    made = schedule("x")
    made.add_server("y")
    made.add(0, need("d.ckpt"))
    assert made.assign() == []
    made.available("y", {**ALL, LOADER: Offer(frozenset({"d.ckpt"}))})
    assert rows(made.assign()) == {"y": [0]}
    made.add(1, need("e.ckpt"))
    assert len(made.assign()) == 1


def test_what_only_different_servers_have_is_told_by_server() -> None:
    made = Schedule(1, 10)
    made.add_server("x")
    made.add_server("y")
    made.available("x", {"A": Offer(), "B": None})
    made.available("y", {"A": None, "B": Offer()})
    made.add(0, Need(frozenset({"A", "B"})))
    assert made.impossible() == {0: "no server has all node classes that it needs: x lacks B; y lacks A"}


def test_a_sweep_over_models_loads_each_of_them_once_a_server_at_most() -> None:
    made = schedule("w", "x", "y", "z", depth=3, window=1000)
    for number in range(600):
        made.add(number, need(("a.ckpt", "b.ckpt", "c.ckpt")[number % 3]))
    loads: dict[str, list[str]] = {url: [] for url in "wxyz"}
    models = ("a.ckpt", "b.ckpt", "c.ckpt")
    flying: list[Assignment] = []
    while found := [*flying, *made.assign()]:
        for each in found[len(flying) :]:
            model = models[each.number % 3]
            if loads[each.server][-1:] != [model]:
                loads[each.server].append(model)
        made.finished(found[0].server, found[0].number)
        flying = found[1:]
    assert all(len(each) == len(set(each)) for each in loads.values()), loads
    assert sum(map(len, loads.values())) <= 8, loads


def test_a_rare_row_is_not_overtaken_for_ever() -> None:
    made = schedule("x", depth=1, window=10)
    made.add(0, need("a.ckpt"))
    made.add(1, need("b.ckpt"))
    taken: list[int] = []
    for number in range(2, 80):
        made.add(number, need("a.ckpt"))
        for each in made.assign():
            taken.append(each.number)
            made.finished("x", each.number)
    assert taken.index(1) < 60


def test_a_row_that_ran_out_of_memory_runs_alone_on_a_server_that_is_freed() -> None:
    made = schedule("x", depth=2)
    for number in range(5):
        made.add(number, need())
    assert rows(made.assign()) == {"x": [0, 1]}
    made.finished("x", 0)
    made.add_alone(0, need())
    assert made.assign() == []
    made.finished("x", 1)
    assert made.assign() == [Assignment(0, "x", alone=True)]
    assert made.assign() == []
    made.finished("x", 0)
    assert rows(made.assign()) == {"x": [2, 3]}


def test_a_row_that_waits_to_be_alone_survives_its_server() -> None:
    made = schedule("x", "y", depth=1)
    made.add(0, need())
    assert [each.server for each in made.assign()] == ["x"]
    made.add_alone(9, need())
    assert made.assign() == [Assignment(9, "y", alone=True)]
    made.away("y")
    made.finished("y", 9)
    made.add_alone(9, need())
    assert made.assign() == []
    made.away("x")
    made.finished("x", 0)
    made.available("y", ALL)
    assert made.assign() == [Assignment(9, "y", alone=True)]


def test_a_row_that_is_sent_again_is_the_first_of_its_kind_and_a_removed_one_is_not_sent() -> None:
    made = schedule("x", depth=1)
    for number in range(4):
        made.add(number, need())
    assert rows(made.assign()) == {"x": [0]}
    made.away("x")
    made.finished("x", 0)
    made.add(0, need(), again=True)
    made.remove(1)
    made.available("x", ALL)
    order: list[int] = []
    while found := made.assign():
        order.append(found[0].number)
        made.finished("x", found[0].number)
    assert order == [0, 2, 3]
    assert made.waiting == 0


@given(st.data())
def test_no_row_is_lost_doubled_or_on_a_server_that_is_full_or_away(data: st.DataObject) -> None:
    urls = "xyz"[: data.draw(st.integers(1, 3))]
    depth = data.draw(st.integers(1, 3))
    made = Schedule(depth, 10)
    for url in urls:
        made.add_server(url)
    flying: dict[int, str] = {}
    done: Counter[int] = Counter()
    count = data.draw(st.integers(1, 12))
    for number in range(count):
        made.add(number, need(data.draw(st.sampled_from(["a.ckpt", "b.ckpt"]))))
    there: set[str] = set()
    for _ in range(data.draw(st.integers(0, 30))):
        what = data.draw(st.sampled_from(["come", "go", "end", "fail", "memory"]))
        url = data.draw(st.sampled_from(urls))
        if what == "come":
            made.available(url, ALL)
            there.add(url)
        elif what == "go":
            made.away(url)
            there.discard(url)
        elif flying:
            number = data.draw(st.sampled_from(sorted(flying)))
            made.finished(flying.pop(number), number)
            if what == "end":
                done[number] += 1
            elif what == "fail":
                made.add(number, need(), again=True)
            else:
                made.add_alone(number, need())
        for each in made.assign():
            assert each.server in there
            assert each.number not in flying
            flying[each.number] = each.server
        loads = Counter(flying.values())
        assert max(loads.values(), default=0) <= depth
    drain(made, urls, flying, done)
    assert done == Counter(range(count))


def drain(made: Schedule, urls: str, flying: dict[int, str], done: Counter[int]) -> None:
    """Have every row end, with all servers there."""
    for url in urls:
        made.available(url, ALL)
    while flying or made.waiting:
        for number, url in list(flying.items()):
            made.finished(url, number)
            done[number] += 1
            del flying[number]
        flying.update((each.number, each.server) for each in made.assign())


def test_rows_are_tried_again_by_the_class_of_what_went_wrong() -> None:
    assert verdict("unsent", {"unsent": 100}) == "again"
    assert verdict("lost", {}) == "again"
    assert verdict("lost", {"lost": 4}) == "aside"
    assert verdict("out_of_memory", {}) == "alone"
    assert verdict("out_of_memory", {"out_of_memory": 1}) == "aside"
    assert verdict("node_error", {}) == "aside"
    assert verdict("invalid", {}) == "aside"
    assert verdict("interrupted", {}) == "aside"
