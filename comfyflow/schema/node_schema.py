"""One node class, as a server's /object_info describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final

from ..dynamic import is_wild
from ..json_types import array_or_empty, is_array, is_object, object_or_empty, text_or_empty
from ..record import Record
from .grown_inputs import TAKING_ALL, Series, brought_inputs, series_of
from .input_schema import ANY, COMBO, InputSchema, malformed, read_inputs

_FILLED: Final = (
    "API_KEY_COMFY_ORG",
    "AUTH_TOKEN_COMFY_ORG",
    "COMFY_USAGE_SOURCE",
    "DYNPROMPT",
    "EXECUTION_LIST",
    "EXTRA_PNGINFO",
    "PROMPT",
    "UNIQUE_ID",
)
"""The kinds of hidden inputs that a server knows; ``execution.py``, 0.3.64 to 0.33.0, and
``EXECUTION_LIST`` after 0.36.
"""


class OutputSchema(Record):
    """One output of a node class. Outputs are addressed by index: names may repeat.

    Attributes:
        index: The slot in a link.
        name: The server's name; its type where it gives none.
        type: The type; ``COMBO`` where the server gives a list of choices (`choices`).
        is_list: Whether it passes on a list, one execution an element.
        tooltip: The server's explanation, or ``""``.
        match_template: The template of inputs whose type it takes after, or None.
        choices: The list that a V1 node gives in place of a type, or None.
    """

    index: int
    name: str
    type: str
    is_list: bool
    tooltip: str
    match_template: str | None
    choices: tuple[Any, ...] | None

    _names: ClassVar[tuple[str, ...]] = (
        "index",
        "name",
        "type",
        "is_list",
        "tooltip",
        "match_template",
        "choices",
    )

    def __init__(
        self,
        index: int,
        name: str,
        type: str,  # noqa: A002  # the server's word
        is_list: bool = False,
        tooltip: str = "",
        match_template: str | None = None,
        choices: tuple[Any, ...] | None = None,
    ) -> None:
        self.__dict__.update(
            index=index,
            name=name,
            type=type,
            is_list=is_list,
            tooltip=tooltip,
            match_template=match_template,
            choices=choices,
        )

    @property
    def is_wild(self) -> bool:
        """Whether its type is that of what is linked to an input of its node, if it says which."""
        return is_wild(self.type)


class NodeSchema(Record):
    """One node class.

    Attributes:
        class_type: Its name in a prompt.
        display_name: What the editor calls it; the class name where the server says nothing.
        category: Its place in the editor's menu.
        python_module: Where the server has it from, dotted.
        inputs: What one gives it, in the server's order, without the hidden ones.
        outputs: What it gives.
        is_output_node: Whether it can be what a prompt is run for.
        raw: The server's own object.
    """

    class_type: str
    display_name: str
    category: str
    python_module: str
    inputs: tuple[InputSchema, ...]
    outputs: tuple[OutputSchema, ...]
    is_output_node: bool
    raw: Mapping[str, Any]

    _names: ClassVar[tuple[str, ...]] = (
        "class_type",
        "display_name",
        "category",
        "python_module",
        "inputs",
        "outputs",
        "is_output_node",
        "raw",
    )
    _unshown: ClassVar[frozenset[str]] = frozenset({"raw"})

    def __init__(
        self,
        class_type: str,
        display_name: str,
        category: str,
        python_module: str,
        inputs: tuple[InputSchema, ...],
        outputs: tuple[OutputSchema, ...],
        is_output_node: bool,
        raw: Mapping[str, Any],
    ) -> None:
        self.__dict__.update(
            class_type=class_type,
            display_name=display_name,
            category=category,
            python_module=python_module,
            inputs=inputs,
            outputs=outputs,
            is_output_node=is_output_node,
            raw=raw,
        )

    @cached_property
    def by_name(self) -> Mapping[str, InputSchema]:
        """The inputs by wire name (dynamic ones under their own names, not expanded)."""
        return {entry.name: entry for entry in self.inputs}

    @property
    def of_pack(self) -> bool:
        """Whether a node pack brings it: it may take more than its /object_info says."""
        return is_pack(self.python_module)

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """The counted inputs of which a user of the pack can add more."""
        return series_of(self.class_type, self.inputs) if self.of_pack else ()

    @cached_property
    def added_inputs(self) -> tuple[InputSchema, ...]:
        """Inputs that the pack adds to its nodes in the editor, as far as that is known; those of a
        series to a bound. One may be there several times, with different definitions.
        """
        if not self.of_pack:
            return ()
        counted = (entry for series in self.series for entry in series.members())
        free = (entry for entry in counted if entry.name not in self.by_name)
        return (*free, *brought_inputs(self.inputs))

    @property
    def takes_all(self) -> bool:
        """Whether it is known to take inputs of every name."""
        return self.of_pack and self.class_type in TAKING_ALL

    @property
    def takes_more(self) -> bool:
        """Whether it may well take inputs that cannot all be named: those of every name, those of
        a series, or, where it declares none and gives anything, what it makes that of.
        """
        shows_nothing = self.of_pack and not self.inputs and any(out.type == ANY for out in self.outputs)
        return self.takes_all or bool(self.series) or shows_nothing

    @property
    def hidden(self) -> tuple[str, ...]:
        """Names of the inputs that the server fills. They are never sent."""
        return tuple(self._hidden)

    @cached_property
    def filled(self) -> frozenset[str]:
        """Those hidden inputs that the server does fill, whatever is given for them.

        A pack may call others hidden, so that the editor shows none; the server passes on what
        is given for those (``get_input_data`` in ``execution.py``).
        """
        kinds = ((name, kind[0] if is_array(kind) and kind else kind) for name, kind in self._hidden.items())
        return frozenset(name for name, kind in kinds if not self.of_pack or kind in _FILLED)

    @property
    def hidden_types(self) -> frozenset[str]:
        """What the hidden inputs are: ``UNIQUE_ID``, ``PROMPT``, …; both spellings."""
        kinds = (kind[0] if is_array(kind) and kind else kind for kind in self._hidden.values())
        return frozenset(kind for kind in kinds if isinstance(kind, str))

    @property
    def _hidden(self) -> Mapping[str, Any]:
        return object_or_empty(object_or_empty(self.raw.get("input")).get("hidden"))

    @property
    def description(self) -> str:
        """The server's description, or ``""``."""
        return text_or_empty(self.raw.get("description"))

    @property
    def search_aliases(self) -> tuple[str, ...]:
        """Other words by which the editor finds it."""
        return tuple(map(str, array_or_empty(self.raw.get("search_aliases"))))

    @property
    def deprecated(self) -> bool:
        """Whether the server calls it deprecated."""
        return self.raw.get("deprecated") is True

    @property
    def experimental(self) -> bool:
        """Whether the server calls it experimental."""
        return self.raw.get("experimental") is True

    @property
    def api_node(self) -> bool:
        """Whether it calls a paid service."""
        return self.raw.get("api_node") is True

    @property
    def is_input_list(self) -> bool:
        """Whether it is executed once over whole lists (0.12 and later say so)."""
        return self.raw.get("is_input_list") is True

    @property
    def has_intermediate_output(self) -> bool:
        """Whether it shows something although it is not an output node (0.27 and later)."""
        return self.raw.get("has_intermediate_output") is True

    @property
    def is_v3(self) -> bool:
        """Whether it is written against the V3 API: these nodes carry every key, null or not."""
        return all(key in self.raw for key in ("api_node", "deprecated", "experimental"))

    def output_types(self, template: str, link_types: Mapping[str, str]) -> str:
        """What an output carries that takes after inputs, given the types of what is linked to its inputs.

        Args:
            template: The template id of the output.
            link_types: Input name to type of the output that is linked to it.
        """
        for entry in self.inputs:
            if entry.match_template == template and entry.name in link_types:
                return link_types[entry.name]
        return "*"


def is_pack(python_module: object) -> bool:
    """Whether a class of this module is a node pack's, and not ComfyUI's own."""
    return isinstance(python_module, str) and python_module.partition(".")[0] == "custom_nodes"


class MalformedNodeError(ValueError):
    """A node that cannot be modelled; never leaves this package."""


def read_node(class_type: str, raw: object) -> NodeSchema:
    """Model one entry of an /object_info.

    Args:
        class_type: Its key.
        raw: Its value: V1 or V3 form, any version.

    Raises:
        MalformedNodeError: It is not an object, or an input of it has no usable definition.
    """
    if not is_object(raw):
        raise MalformedNodeError(f"expected an object, got {raw!r:.80}")
    groups = raw.get("input")
    if groups is not None and not is_object(groups):
        raise MalformedNodeError(f"its input must be an object, not {groups!r:.80}")
    for group in ("required", "optional"):
        members = (groups or {}).get(group)
        if members is not None and not is_object(members):
            raise MalformedNodeError(f"its {group} inputs must be an object, not {members!r:.80}")
        for name, definition in (members or {}).items():
            wrong = malformed(definition)
            if wrong is not None:
                raise MalformedNodeError(f"input {name!r}: {wrong}")
    return NodeSchema(
        class_type=class_type,
        display_name=text_or_empty(raw.get("display_name")) or class_type,
        category=text_or_empty(raw.get("category")),
        python_module=text_or_empty(raw.get("python_module")) or "nodes",
        inputs=read_inputs(_ordered(groups, raw.get("input_order"))),
        outputs=tuple(_outputs(raw)),
        is_output_node=raw.get("output_node") is True,
        raw=raw,
    )


def _ordered(groups: Any, order: object) -> Any:
    """The inputs in the order of ``input_order``, where a proxy has sorted the object's keys."""
    if not is_object(order) or not is_object(groups):
        return groups
    sorted_groups: dict[str, Any] = {}
    for group in ("required", "optional"):
        members = groups.get(group)
        names = order.get(group)
        if is_object(members) and is_array(names):
            known = [name for name in names if isinstance(name, str) and name in members]
            members = {name: members[name] for name in dict.fromkeys([*known, *members])}
        if members is not None:
            sorted_groups[group] = members
    return sorted_groups


def _outputs(raw: Mapping[str, Any]) -> Iterator[OutputSchema]:
    kinds: Any = raw.get("output") or ()
    if not is_array(kinds):
        raise MalformedNodeError(f"its output must be a list, not {kinds!r:.80}")
    names, lists = array_or_empty(raw.get("output_name")), array_or_empty(raw.get("output_is_list"))
    tooltips, matches = (
        array_or_empty(raw.get("output_tooltips")),
        array_or_empty(raw.get("output_matchtypes")),
    )
    for index, kind in enumerate(kinds):
        if not isinstance(kind, str) and not is_array(kind):
            raise MalformedNodeError(f"output {index}: expected a type, got {kind!r:.80}")
        name = names[index] if index < len(names) else None
        type_name = kind if isinstance(kind, str) else COMBO
        matched = matches[index] if index < len(matches) else None
        yield OutputSchema(
            index=index,
            name=name if isinstance(name, str) and name else type_name,
            type=type_name,
            is_list=index < len(lists) and lists[index] is True,
            tooltip=text_or_empty(tooltips[index]) if index < len(tooltips) else "",
            match_template=matched if is_wild(type_name) and isinstance(matched, str) else None,
            choices=None if isinstance(kind, str) else tuple(kind),
        )
