"""A workflow as the editor holds it once it is loaded: nodes with slots and widgets, and links.

Unlike the saved JSON, slots and widgets here are those of the node's class, filled from what was
saved. A subgraph definition is one graph, however many nodes stand for it. Slots have types, which say what
may be linked to what; what a node class gives its nodes is said by its inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..dynamic.autogrow import GrownSlots
from ..graph import bypass
from ..json_types import is_array, is_object
from ..schema import InputSchema
from ..sockets import Socket
from .javascript import js_text, shown_json, truthy

if TYPE_CHECKING:
    from ..dynamic.autogrow import GrownSlots
    from .group_node import GroupNode
    from .node_shape import NodeShape


MUTED: Final = 2
BYPASSED: Final = 4
_PLAIN: Final = 1 << 32
SUBGRAPH_INPUT: Final = -10
"""The origin of links that come into a subgraph from outside."""
SUBGRAPH_OUTPUT: Final = -20
"""The target of links that leave a subgraph."""

_NOTHING_GROWS: Final[Mapping[str, GrownSlots]] = {}
NOTHING_RAISED: Final[Mapping[int, IWidget]] = {}
"""What a node has raised that is not a subgraph's, or whose ``proxyWidgets`` name nothing."""


class IWidget:
    """A value that one can type into a node.

    Attributes:
        name: Its name in the prompt; two widgets of a node may share one.
        kind: How values are taken in and given out (see `node_shape`).
        value: What it holds.
        sent: Whether it is written into the prompt.
        saved: Whether it takes a place in ``widgets_values``.
        spec: The input that it belongs to, or None.
        origin: Where the value came from, for `Conversion.explain`: None for the default, the
            place in ``widgets_values``, or a sentence.
    """

    __slots__ = ("kind", "name", "origin", "saved", "sent", "spec", "value")

    def __init__(
        self,
        name: str,
        kind: str,
        value: Any,
        *,
        sent: bool = True,
        saved: bool = True,
        spec: InputSpec | None = None,
    ) -> None:
        self.name: str = name
        self.kind: str = kind
        self.value: Any = value
        self.sent: bool = sent
        self.saved: bool = saved
        self.spec: InputSpec | None = spec
        self.origin: int | str | None = None

    def copy(self) -> IWidget:
        """A separate widget with the same value."""
        made = IWidget.__new__(IWidget)
        made.name = self.name
        made.kind = self.kind
        made.value = self.value
        made.sent = self.sent
        made.saved = self.saved
        made.spec = self.spec
        made.origin = None
        return made


class INodeInputSlot:
    """An input slot.

    Attributes:
        name: Its name in the prompt.
        type: What it takes, as the editor writes types.
        link: The id of the link that ends here, or None.
        widget: The name of the widget that it can replace, or None.
        boundary: For a subgraph node: the place of the subgraph's input that it feeds.
        promoted: For a subgraph node: the widget inside that it stands for.
    """

    __slots__ = ("boundary", "link", "name", "promoted", "type", "widget")

    def __init__(self, name: str, type_: Any, link: Any = None, widget: str | None = None) -> None:
        self.name: str = name
        self.type: Any = type_
        self.link: Any = link
        self.widget: str | None = widget
        self.boundary: int | None = None
        self.promoted: PromotedWidget | None = None


class INodeOutputSlot:
    """An output slot: its type, and the ids of the links that start here, as saved."""

    __slots__ = ("links", "name", "type")

    def __init__(self, name: str, type_: Any, links: list[Any]) -> None:
        self.name: str = name
        self.type: Any = type_
        self.links: list[Any] = links


class PromotedWidget:
    """A widget inside a subgraph that the subgraph's node shows as its own.

    Attributes:
        node: The node inside whose widget it is; a subgraph node again where it is nested.
        name: The name of the widget, or of the promoted one of the nested subgraph node.
        own: The copy that the subgraph node holds itself, in editors where it does [20].
        next_only: Whether of the nodes of nested subgraphs the next one's value counts alone [B6].
    """

    __slots__ = ("name", "next_only", "node", "own")

    def __init__(self, node: LGraphNode, name: str, own: IWidget | None = None) -> None:
        self.node: LGraphNode = node
        self.name: str = name
        self.own: IWidget | None = own
        self.next_only: bool = False


class LLink:
    """A link: from an output slot of one node to an input slot of another.

    Attributes:
        id: Its id.
        origin: The id of the node that it comes from, or `SUBGRAPH_INPUT`.
        origin_key: The same as text, by which the node is looked up.
        origin_slot: The output that it comes from.
        target: The id of the node that it goes to, or `SUBGRAPH_OUTPUT`.
        target_key: The same as text.
        target_slot: The input that it goes to.
    """

    __slots__ = ("id", "origin", "origin_key", "origin_slot", "target", "target_key", "target_slot")

    def __init__(self, id_: Any, origin: Any, origin_slot: Any, target: Any, target_slot: Any) -> None:
        self.id: Any = id_
        self.origin: Any = origin
        self.origin_key: Final = (
            str(origin) if origin.__class__ is int and 0 <= origin <= _PLAIN else js_text(origin)
        )
        self.origin_slot: Any = origin_slot
        self.target: Any = target
        self.target_key: Final = (
            str(target) if target.__class__ is int and 0 <= target <= _PLAIN else js_text(target)
        )
        self.target_slot: Any = target_slot


class LGraphNode:
    """A node on the canvas.

    Attributes:
        id: The id as it was saved (a number, rarely a string).
        key: The id as text: nodes are looked up by it.
        type: The class, or the id of a subgraph definition.
        role: ``class``, ``host`` (of a subgraph), ``unknown``, or what kind of virtual node.
        title: What the editor shows.
        mode: 0, `MUTED` or `BYPASSED`; others are of the drawing library and mean nothing.
        inputs: Its input slots.
        outputs: Its output slots.
        widgets: Its widgets, in the editor's order.
        graph: The graph that it is in.
        shape: What its class gives it, or None if it has no class.
        growing: Its inputs that grow, by name.
        raised: For a subgraph node: by the `id` of a widget inside that no input feeds, or of the slot of
            a nested subgraph node, the widget with the value that was saved outside [B4].
        definition: For a host, the graph of its subgraph.
        group: For a legacy group node, what is behind it.
        pack: The pack whose plug-in filled it or gave it its role, or None.
        properties: What was saved under ``properties``.
        raw: The saved object.
    """

    __slots__ = (
        "definition", "graph", "group", "growing", "id", "inputs", "key", "mode", "outputs", "pack",
        "properties", "raised", "raw", "role", "shape", "title", "type", "widgets",
    )  # fmt: skip

    def __init__(
        self, id_: Any, key: str, type_: str, role: str, graph: LGraph, raw: Mapping[str, Any]
    ) -> None:
        self.id: Any = id_
        self.key: str = key
        self.type: str = type_
        self.role: str = role
        self.graph: LGraph = graph
        self.raw: Mapping[str, Any] = raw
        self.title: str = ""
        self.mode: Any = 0
        self.inputs: list[INodeInputSlot] = []
        self.outputs: list[INodeOutputSlot] = []
        self.widgets: list[IWidget] = []
        self.shape: NodeShape | None = None
        self.growing: Mapping[str, GrownSlots] = _NOTHING_GROWS
        self.raised: Mapping[int, IWidget] = NOTHING_RAISED
        self.definition: LGraph | None = None
        self.group: GroupNode | None = None
        self.pack: str | None = None
        self.properties: Mapping[str, Any] = {}

    @property
    def is_virtual(self) -> bool:
        """Whether it exists in the editor only and never reaches the prompt."""
        return self.role not in ("class", "unknown")

    def widget(self, name: str | None) -> IWidget | None:
        """The first widget of that name, or None."""
        for widget in self.widgets:
            if widget.name == name:
                return widget
        return None

    def __repr__(self) -> str:
        return f"<{self.type} #{self.key}>"


class SubgraphSlot:
    """An input or output of a subgraph definition: its name, type, and links inside, in order."""

    __slots__ = ("label", "links", "name", "type")

    def __init__(self, name: str, type_: Any, links: list[Any], label: str | None) -> None:
        self.name: str = name
        self.type: Any = type_
        self.links: list[Any] = links
        self.label: str | None = label


class LGraph:
    """The canvas, or the inside of a subgraph.

    Attributes:
        id: The definition's id, or None for the canvas.
        name: The subgraph's name.
        nodes: Its nodes, in the order of the file.
        by_key: The nodes by id. Where ids repeat, links go to the first one.
        links: The links by id, as the ids were saved: ``1`` and ``"1"`` are different links.
        inputs: For a subgraph, what comes in.
        outputs: For a subgraph, what goes out.
        raw: The saved object.
        new_ids: What nodes are called now whose saved id was taken [19].
        unread_links: How many links the editor does not read: lists where it looks for objects, or
            the other way round.
    """

    __slots__ = (
        "by_key",
        "id",
        "inputs",
        "links",
        "name",
        "new_ids",
        "nodes",
        "outputs",
        "raw",
        "unread_links",
    )

    def __init__(self, id_: str | None, name: str, raw: Mapping[str, Any]) -> None:
        self.id: str | None = id_
        self.name: str = name
        self.raw: Mapping[str, Any] = raw
        self.nodes: list[LGraphNode] = []
        self.by_key: dict[str, LGraphNode] = {}
        self.links: dict[Any, LLink] = {}
        self.inputs: list[SubgraphSlot] = []
        self.outputs: list[SubgraphSlot] = []
        self.new_ids: dict[str, int] = {}
        self.unread_links: int = 0

    def link(self, id_: Any) -> LLink | None:
        """The link of that id, or None."""
        try:
            return self.links.get(id_)
        except TypeError:  # an id that is a list or an object
            return None

    def host_names(self) -> str:
        """What to call it in a message."""
        return f"subgraph {shown_json(self.name)}" if self.id is not None else "the workflow"

    def unread_hint(self) -> str:
        """Why a link may not exist although the file has it, for a message; or nothing."""
        if not self.unread_links:
            return ""
        version = self.raw.get("version")
        says = f"has version {shown_json(version)}" if version is not None else "has no version"
        form = "lists" if version != 0.4 else "objects"
        return (
            f" ({self.host_names()} {says}, in which the editor does not read links that are {form}; "
            "repair does)"
        )


_ANYTHING: Final = frozenset({"", "*"})
_NATIVE: Final = _ANYTHING | {
    held.__name__ for held in Socket.__subclasses__() if held.__module__ == Socket.__module__
}


def saved_type(saved: Mapping[str, Any]) -> Any:
    """The type of a slot as it was saved: a string; 0, -1 or nothing; in old files a list of choices."""
    type_ = saved.get("type")
    return js_text(type_) if is_array(type_) or is_object(type_) else type_


def slots_connect(one: Any, other: Any) -> bool:
    """Whether the editor lets two slots be linked: see `bypass.connects`; 0 and null go with everything."""
    if one in (0, None) or other in (0, None):
        return True
    return one == other or bypass.connects(js_text(one), js_text(other))


def is_native(type_: str) -> bool:
    """Whether a type, or a member of a union, is one of ComfyUI's own."""
    return not _NATIVE.isdisjoint(type_.split(","))


def common_type(types: Iterable[Any]) -> str | None:
    """What all of the types have in common, ``*`` if none says anything, None if nothing."""
    stated: list[dict[str, None]] = []
    for type_ in types:
        if not isinstance(type_, str):
            return None
        if type_ != "*":
            stated.append(dict.fromkeys(type_.split(",")))
    if not stated:
        return "*"
    shared = [member for member in stated[0] if all(member in other for other in stated[1:])]
    return ",".join(shared) or None


class InputSpec:
    """One input of a class, as far as the editor cares.

    Attributes:
        name: Its name; inside a dynamic input the whole dotted one.
        type: The type of its socket.
        options: What the server says about it.
        required: Whether the class needs it.
        choices: What a combo offers, or the keys that unfold it.
        force_input: Whether it never has a widget.
        widgets: Its widgets, to be copied; empty where it is a pure socket.
        class_type: The class that it belongs to.
        beside_model_file: Whether the class has a ``model_file`` in front of it.
        depth: How many dynamic inputs it is in.
        rewritten: Whether the editor rewrites its text. Inputs of a dynamic combo's option are not.
        dynamic: What its kind of dynamic input says about it; None if it is of none.
        brings: For an input that a key unfolds, what each choice brings. Inputs of one name under
            different choices are different inputs [A].
        grown: How it grows; None if it does not.
    """

    __slots__ = (
        "beside_model_file", "brings", "choices", "class_type", "depth", "dynamic", "force_input", "grown",
        "name", "options", "required", "rewritten", "type", "widgets",
    )  # fmt: skip

    def __init__(self, entry: InputSchema, name: str, class_type: str, depth: int = 0) -> None:
        self.name: str = name
        self.type: Final = entry.type
        self.options: Final = entry.options
        self.required: Final = entry.required
        self.class_type: str = class_type
        self.depth: int = depth
        self.rewritten: Final = depth == 0 and entry.options.get("dynamicPrompts") is True
        self.beside_model_file: bool = False
        self.dynamic: Final = entry.dynamic
        self.choices: tuple[Any, ...] = entry.offered or ()
        # An optional input with `defaultInput` is a pure socket: that is how one tells "not given".
        self.force_input: Final = truthy(entry.options.get("forceInput")) or (
            not entry.required and truthy(entry.options.get("defaultInput"))
        )
        self.widgets: tuple[IWidget, ...] = ()
        self.brings: dict[str, tuple[InputSpec, ...]] = {}
        self.grown: GrownSlots | None = None

    @property
    def widget_type(self) -> str:
        """The type that decides about its widget."""
        named = self.options.get("widgetType")
        return named if isinstance(named, str) and named else self.type
