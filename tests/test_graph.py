from __future__ import annotations

import itertools

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow import read_prompt, to_prompt
from comfyflow.bounds import MAX_SCOPE_DEPTH
from comfyflow.errors import GraphError
from comfyflow.graph import ROOT, Canvas, Graph, GraphNode, Group, Link, Scope, ScopeInput, ScopeOutput
from comfyflow.graph.scope import read_scopes
from comfyflow.graph.walk import (
    causes,
    longest_ways,
    nearest_first,
    reachable,
    sources_first,
    turned,
    upstream,
)
from comfyflow.problem import Place

LONG = 20_000


@st.composite
def graphs(draw: st.DrawFn, circles: bool = True) -> Graph:
    count = draw(st.integers(0, 9))
    nodes: list[GraphNode] = []
    for number in range(count):
        last = count if circles else number - 1
        sources = draw(st.lists(st.integers(0, last), max_size=3)) if last >= 0 else []
        inputs = {f"input_{index}": Link(str(source), index) for index, source in enumerate(sources)}
        nodes.append(GraphNode(str(number), "Node", inputs))
    return Graph(draw(st.permutations(nodes)))


def chain(length: int) -> Graph:
    first = GraphNode("0", "A", {})
    return Graph([first, *(GraphNode(str(n), "A", {"x": Link(str(n - 1), 0)}) for n in range(1, length))])


def test_a_graph_is_a_mapping_of_its_nodes() -> None:
    graph = Graph(
        [GraphNode("1", "A", {}), GraphNode("2", "B", {"x": Link("1", 0), "y": Link("9", 0), "z": 1})]
    )
    assert list(graph) == ["1", "2"]
    assert dict(graph["2"].links) == {"x": Link("1", 0), "y": Link("9", 0)}
    assert list(graph.sources("2")) == ["1"]
    assert graph.users == {"1": ["2"], "2": []}
    assert graph.upstream(["2"]) == {"1", "2"}
    assert graph.upstream(["1", "no such"]) == {"1"}
    assert graph.downstream(["1", "no such"]) == {"1", "2"}
    assert list(graph.network().edges(keys=True, data=True)) == [("1", "2", "x", {"slot": 0})]
    with pytest.raises(ValueError, match="two nodes have the id '1'"):
        Graph([GraphNode("1", "A", {}), GraphNode("1", "B", {})])


@given(graphs(), st.data())
def test_up_and_down_are_what_networkx_finds(graph: Graph, data: st.DataObject) -> None:
    network = graph.network()
    node_id = data.draw(st.sampled_from(list(graph))) if graph else "none"
    up = nx.ancestors(network, node_id) | {node_id} if graph else set()
    down = nx.descendants(network, node_id) | {node_id} if graph else set()
    assert graph.upstream([node_id]) == up
    assert graph.downstream([node_id]) == down


@given(graphs(circles=False))
def test_an_order_has_each_node_after_its_sources(graph: Graph) -> None:
    order = graph.order()
    assert sorted(order) == sorted(graph)
    place = {node_id: number for number, node_id in enumerate(order)}
    assert all(place[source] < place[node_id] for node_id in graph for source in graph.sources(node_id))
    assert graph.circles() == []


@given(graphs(circles=False))
def test_a_generation_needs_only_those_before_it(graph: Graph) -> None:
    generations = graph.generations()
    assert sorted(node_id for each in generations for node_id in each) == sorted(graph)
    number = {node_id: index for index, each in enumerate(generations) for node_id in each}
    for node_id in graph:
        assert number[node_id] == max((number[source] + 1 for source in graph.sources(node_id)), default=0)


@given(graphs())
def test_a_circle_goes_from_each_node_to_one_that_is_linked_to_it(graph: Graph) -> None:
    circles = graph.circles()
    network = nx.DiGraph(graph.network())
    assert bool(circles) != nx.is_directed_acyclic_graph(network)
    for circle in circles:
        assert len(set(circle)) == len(circle)
        for node_id, following in zip(circle, [*circle[1:], circle[0]], strict=True):
            assert node_id in graph.sources(following)


def test_a_graph_with_a_circle_has_no_order_and_says_which_nodes_are_in_it() -> None:
    graph = Graph(
        [
            GraphNode("1", "A", {"x": Link("3", 0)}),
            GraphNode("2", "B", {"x": Link("1", 0)}),
            GraphNode("3", "C", {"x": Link("2", 0)}),
            GraphNode("4", "D", {"x": Link("3", 0)}),
        ]
    )
    for ordered in (graph.order, graph.generations):
        with pytest.raises(GraphError, match="A #1 -> B #2 -> C #3 -> A #1"):
            ordered()


@pytest.mark.parametrize(("count", "more"), [(10, ""), (11, "; and 1 more"), (13, "; and 3 more")])
def test_a_message_names_ten_circles_and_counts_the_others(count: int, more: str) -> None:
    loops = [GraphNode(str(number), "A", {"x": Link(str(number), 0)}) for number in range(count)]
    with pytest.raises(GraphError) as raised:
        Graph(loops).order()
    named = "; ".join(f"A #{number} -> A #{number}" for number in range(10))
    assert str(raised.value) == (
        f"nodes are linked in {count} cycles: {named}{more}; remove one link of each"
    )


def test_places_are_those_of_the_nodes_that_have_one() -> None:
    here, code = Place("flow.py", 7), test_a_graph_is_a_mapping_of_its_nodes.__code__
    graph = Graph(
        [
            GraphNode("1", "A", {}, origin=here),
            GraphNode("2", "A", {}),
            GraphNode("3", "A", {}, origin=(code, 0)),
        ]
    )
    assert len(graph.places) == 2
    assert [*graph.places] == ["1", "3"]
    assert graph.places["1"] is here
    assert graph.places["3"].file == __file__
    assert "2" not in graph.places


def test_a_notebook_shows_a_graph_as_a_picture_and_as_text() -> None:
    shown = Graph([GraphNode("1", "A", {})])._repr_mimebundle_()
    assert shown["text/plain"] == "<Graph of 1 nodes>"
    assert [kind for kind in shown if kind != "text/plain"] == ["image/svg+xml"]


@given(graphs())
def test_each_circle_of_a_small_graph_is_named_once_the_shortest_first(graph: Graph) -> None:
    circles = graph.circles()
    wanted = list(nx.simple_cycles(nx.DiGraph(graph.network())))
    edges = {frozenset(zip(each, [*each[1:], each[0]], strict=True)) for each in wanted}
    found = [frozenset(zip(each, [*each[1:], each[0]], strict=True)) for each in circles]
    assert len(found) == len(set(found))
    assert set(found) <= edges
    assert len(found) == len(edges) or len(found) >= 20
    assert [len(each) for each in circles] == sorted(len(each) for each in circles)


def test_circles_beyond_number_are_told_in_part() -> None:
    count = 60
    full = {f"i{other}": Link(str(other), 0) for other in range(count)}
    found = Graph([GraphNode(str(number), "A", full) for number in range(count)]).circles()
    assert 20 <= len(found) <= 22
    assert found[0] == ["0"]


def test_all_circles_are_told_at_once() -> None:
    graph = Graph(
        [
            GraphNode("1", "A", {"x": Link("2", 0)}),
            GraphNode("2", "B", {"x": Link("1", 0), "y": Link("3", 0)}),
            GraphNode("3", "C", {"x": Link("2", 0)}),
        ]
    )
    with pytest.raises(GraphError, match="2 cycles: A #1 -> B #2 -> A #1; B #2 -> C #3 -> B #2; remove"):
        graph.order()


@given(graphs())
def test_the_longest_way_up_is_that_of_networkx(graph: Graph) -> None:
    sources = {node_id: list(graph.sources(node_id)) for node_id in graph}
    network = nx.DiGraph(graph.network())
    on_circles = {node_id for each in nx.simple_cycles(network) for node_id in each}
    behind = on_circles.union(*(nx.descendants(network, node_id) for node_id in on_circles))
    lengths = longest_ways(sources)
    assert lengths.keys() == set(graph) - behind
    for node_id, length in lengths.items():
        above = network.subgraph(nx.ancestors(network, node_id) | {node_id})
        assert length == nx.dag_longest_path_length(above) + 1


@given(graphs(), st.data())
def test_the_cause_of_a_node_is_the_nearest_before_it(graph: Graph, data: st.DataObject) -> None:
    sources = {node_id: list(graph.sources(node_id)) for node_id in graph}
    wrong = data.draw(st.sets(st.sampled_from(list(graph)))) if graph else set[str]()
    found = causes(wrong, sources)
    assert found.keys() == graph.downstream(wrong)
    network = graph.network()
    for node_id, cause in found.items():
        ways = {
            each: nx.shortest_path_length(network, each, node_id)
            for each in wrong
            if nx.has_path(network, each, node_id)
        }
        assert ways[cause] == min(ways.values())
    assert upstream(wrong, sources) == graph.upstream(wrong)
    assert turned(sources) == graph.users


@given(graphs(), st.data())
def test_a_way_is_a_shortest_one(graph: Graph, data: st.DataObject) -> None:
    if not graph:
        return
    source, target = data.draw(st.sampled_from(list(graph))), data.draw(st.sampled_from(list(graph)))
    way, network = graph.way(source, target), graph.network()
    assert (way is not None) == nx.has_path(network, source, target)
    if way is not None:
        assert (way[0], way[-1], len(way)) == (
            source,
            target,
            nx.shortest_path_length(network, source, target) + 1,
        )
        assert all(before in graph.sources(after) for before, after in itertools.pairwise(way))


def test_a_way_goes_through_each_node_between() -> None:
    assert chain(4).way("0", "3") == ["0", "1", "2", "3"]
    assert chain(4).way("2", "2") == ["2"]
    assert chain(4).way("3", "0") is None
    short = GraphNode("9", "A", {"x": Link("8", 0), "y": Link("0", 0)})
    assert Graph([*chain(9).values(), short]).way("0", "9") == ["0", "9"]


def test_no_graph_is_too_deep() -> None:
    graph = chain(LONG)
    assert graph.order() == list(graph)
    assert len(graph.upstream([str(LONG - 1)])) == LONG
    assert len(graph.downstream(["0"])) == LONG


def test_sources_come_first_in_the_order_in_which_they_are_named() -> None:
    sources = {"d": ["c", "b"], "c": ["a"], "b": ["a"], "a": []}
    assert sources_first(["d"], sources.__getitem__) == ["a", "c", "b", "d"]


def test_a_circle_is_told_and_then_left_out_of_account() -> None:
    sources = {"a": ["b"], "b": ["a", "c"], "c": []}
    told: list[str] = []
    assert sources_first(["a"], sources.__getitem__, told.append) == ["c", "b", "a"]
    assert told == ["a"]
    assert sources_first(["a"], sources.__getitem__) == ["c", "b", "a"]


def test_the_nearest_come_first_each_with_the_one_before_it() -> None:
    neighbours = {1: [2, 3], 2: [4], 3: [4], 4: [1]}
    assert nearest_first([1], neighbours.__getitem__) == {1: 1, 2: 1, 3: 1, 4: 2}
    assert list(nearest_first([1], neighbours.__getitem__)) == [1, 2, 3, 4]
    assert reachable([2], neighbours.__getitem__) == {1, 2, 3, 4}


def scoped() -> Graph:
    return Graph(
        [
            GraphNode("1", "A", {}),
            GraphNode("7:2", "B", {"x": Link("1", 0)}),
            GraphNode("7:3:4", "C", {"x": Link("7:2", 0)}),
            GraphNode("8:", "D", {}),
        ]
    )


def test_ids_spell_scopes_where_a_graph_has_none() -> None:
    graph = scoped().with_spelled_scopes()
    assert {node_id: [scope.scope_id for scope in graph.around(node_id)] for node_id in graph} == {
        "1": [],
        "7:2": ["7"],
        "7:3:4": ["7", "7:3"],
        "8:": [],
    }
    assert graph.with_spelled_scopes() is graph
    assert read_prompt(to_prompt(graph)).scopes == graph.scopes


def test_other_nodes_stand_in_the_same_scopes_and_on_the_same_canvas() -> None:
    canvas = Canvas({"1": (5.0, 5.0)}, {ROOT: (Group("all", (0, 0, 90, 90)), Group("one", (0, 0, 10, 10)))})
    nodes = [GraphNode("1", "A", {"x": 1}), GraphNode("2", "A", {}, scope="9")]
    graph = Graph(nodes, [Scope("9")], canvas)
    other = graph.with_nodes(node.with_inputs({"y": 2}) for node in graph.values())
    assert other["2"].inputs == {"y": 2}
    assert other.around("2") == [Scope("9")]
    assert [group.title for _, group in other.canvas.groups_around(ROOT, (5, 5))] == ["one", "all"]
    assert [number for number, _ in other.canvas.groups_around(ROOT, (50, 50))] == [0]


@pytest.mark.parametrize(
    ("node_id", "scopes"),
    [("5", []), ("7:5", ["7"]), (":5", []), ("5:", []), (":", []), ("7::5", ["7", "7:"]), (":7:5", [":7"])],
)
def test_what_stands_before_a_colon_in_an_id_is_a_scope(node_id: str, scopes: list[str]) -> None:
    """Not what is nothing: such an id is nobody's way to say so."""
    assert [*read_scopes([node_id])] == scopes
    assert [scope.outer for scope in read_scopes([node_id]).values()] == [ROOT, *scopes][: len(scopes)]


def test_of_a_scope_that_an_id_spells_no_more_is_known() -> None:
    (scope,) = read_scopes(["7:5"]).values()
    assert scope == Scope("7", ROOT, name="", title="", definition="", inputs=(), outputs=())
    assert ScopeInput("x") == ScopeInput("x", None, None, None, False, None, ())
    assert ScopeOutput("x") == ScopeOutput("x", None, None, None)


def test_no_id_spells_more_scopes_than_are_read() -> None:
    graph = Graph([GraphNode(":".join("1" * 5000), "A", {})]).with_spelled_scopes()
    assert len(graph.scopes) == MAX_SCOPE_DEPTH
