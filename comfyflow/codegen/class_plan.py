"""The plan of one node's class, and of the class of what an output node gives when it has run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ..bounds import DYNAMIC_NESTING
from ..node_history import older_defaults
from ..schema import InputSchema, NodeSchema, OutputSchema
from .argument import Annotator, Argument, ArgumentScope, argument, extra_argument, merged_argument
from .block import IN_CLASS_BODIES, INDENT, Block, NodeClassPlan, OutputPlan, Renamed, SkippedNodeError
from .code import Code, text, texts
from .docstring import docstring, node_lines
from .dynamic_plan import DynamicArgument, group_name
from .name import PythonName, distinct_names, former_output_name, output_names, python_name
from .socket_type import is_any, members, walk_inputs

_BUILTIN_TYPES: Final = frozenset({"int", "float", "str", "bool"})
_TUPLE_METHODS: Final = frozenset({"count", "index"})


class ClassPlanner:
    """Plans the classes of one package.

    Args:
        annotator: Says what plain inputs take.
        docs: Whether docstrings hold the server's prose.
    """

    def __init__(self, annotator: Annotator, docs: bool) -> None:
        self.annotator = annotator
        self.docs = docs

    def plan(
        self, node: NodeSchema, name: PythonName, type_variables: dict[str, Code], former: str = ""
    ) -> NodeClassPlan:
        """Plan the class of one node.

        Args:
            node: The node.
            name: The class's name.
            type_variables: The type variable of each of its `matched_templates`.
            former: What comfyflow 0.1 called the class, or ``""`` where it is the same.

        Raises:
            SkippedNodeError: It cannot be generated.
        """
        names = output_names([output.name for output in node.outputs], IN_CLASS_BODIES)
        plan = NodeClassPlan(node.class_type, name)
        if not node.of_pack:
            plan.older_defaults = older_defaults(node.class_type)
        scope = ArgumentScope(_BUILTIN_TYPES & set(names), type_variables, plan.imports)
        if name != node.class_type:
            plan.renamed.append(Renamed(node.class_type, "node", node.class_type, name, former))
        carried = [self._carried(output, scope) for output in node.outputs]
        block = Block(Code(""), name, _bases(node, names, carried, scope), Code(""))
        block.constants = _constants(node, scope)
        for output, output_name in zip(node.outputs, names):  # noqa: B905  # a name for each
            scope.use("OutputSlot")
            block.outputs.append(OutputPlan(output_name, Code(carried[output.index]), output.index))
            if output_name != output.name:
                before = former_output_name(output.name) if output_name != python_name(output.name) else ""
                plan.renamed.append(Renamed(node.class_type, "output", output.name, output_name, before))
        plan.blocks.append(block)
        added = _by_name(node.added_inputs)
        arguments = self.add_constructor(block, node.inputs, scope, plan, names, 0, added)
        if node.takes_more:
            block.arguments = [*(block.arguments or ()), self._extra(block, scope)]
        lines = node_lines(node, ((arguments[entry.name], entry) for entry in node.inputs), self.docs)
        block.docstring = docstring(lines, INDENT)
        return plan

    def add_constructor(
        self,
        block: Block,
        inputs: tuple[InputSchema, ...],
        scope: ArgumentScope,
        plan: NodeClassPlan,
        taken: Collection[str],
        depth: int,
        added: Mapping[str, list[InputSchema]] = MappingProxyType({}),
    ) -> dict[str, PythonName]:
        """Give a block its arguments, and the plan the blocks that they need.

        Args:
            block: The class that gets the constructor.
            inputs: What it takes.
            scope: The class's body.
            plan: The plan of the whole node.
            taken: Names in the class's body that its inner classes must not have.
            depth: How many dynamic inputs the block is in.
            added: What a pack adds to the node, by name: the definitions that it may have.

        Returns:
            The argument of each input, by wire name.
        """
        if depth > DYNAMIC_NESTING:
            raise SkippedNodeError(f"its dynamic inputs are nested more than {DYNAMIC_NESTING} deep")
        reserved = {"self"} if block.source is None else {"self", "source"}
        names = distinct_names((*(entry.name for entry in inputs), *added), reserved)
        dynamic = [entry.name for entry in inputs if entry.is_dynamic]
        groups = distinct_names(dynamic, {*taken, *IN_CLASS_BODIES}, named=group_name)
        kept = frozenset(entry.name for entry in inputs if entry.is_kept)
        block.arguments = []
        for entry in inputs:
            name = names[entry.name]
            if name != entry.name:
                plan.renamed.append(Renamed(plan.class_type, "input", entry.name, name))
            group = groups.get(entry.name)
            if group is None or entry.dynamic is None:
                types, default = self.annotator.types(entry, scope), self.annotator.default(entry)
                block.arguments.append(argument(entry, name, types, default))
            else:
                inner = DynamicArgument(self, block, scope, plan, entry, name, group, depth, kept)
                block.arguments.append(entry.dynamic.argument(inner))
        for wire, definitions in added.items():
            members = [self.annotator.types(entry, scope) for entry in definitions]
            block.arguments.append(merged_argument(definitions[0], names[wire], members))
        return names

    def _extra(self, block: Block, scope: ArgumentScope) -> Argument:
        taken = {"self", *(argument.name for argument in block.arguments or ())}
        return extra_argument(python_name("extra", taken), scope)

    def _carried(self, output: OutputSchema, scope: ArgumentScope) -> str:
        if output.match_template is not None:
            variable = scope.type_variables.get(output.match_template)
            return scope.use("Any") if variable is None else scope.socket(variable)
        if is_any(output.type) or output.is_wild:
            return scope.use("Any")
        return scope.socket(self.annotator.sockets.output(output.type))


def matched_templates(node: NodeSchema) -> dict[str, str]:
    """The templates whose type an output of a node takes, with the types they allow.

    Only inputs that are at the top of the node count: a class within a class has no access to
    the type variables of the outer one.
    """
    followed = {output.match_template for output in node.outputs if output.match_template}
    if not followed:
        return {}
    found: dict[str, str] = {}
    for entry in _top_inputs(node.inputs):
        if entry.match_template is not None and entry.match_template in followed:
            found.setdefault(entry.match_template, entry.match_types)
    return found


def _by_name(entries: Iterable[InputSchema]) -> dict[str, list[InputSchema]]:
    found: dict[str, list[InputSchema]] = {}
    for entry in entries:
        found.setdefault(entry.name, []).append(entry)
    return found


def _top_inputs(inputs: Iterable[InputSchema]) -> Iterator[InputSchema]:
    for entry in inputs:
        yield entry
        if entry.autogrow is not None:
            yield entry.autogrow.input


def _bases(node: NodeSchema, names: list[PythonName], carried: list[str], scope: ArgumentScope) -> Code:
    bases: list[str] = []
    if node.is_output_node:
        bases.append(f"{scope.use('OutputNode')}[{scope.use(result_class(node))}]")
    if len(carried) == 1:
        bases.append(f"{scope.use('SingleOutputNode')}[{carried[0]}]")
    elif carried and _TUPLE_METHODS.isdisjoint(names):
        bases.append(f"{scope.use('MultiOutputNode')}[{', '.join(map(scope.output, carried))}]")
    elif carried:
        bases.append(scope.use("PlainMultiOutputNode"))
        variables = [kind for kind in dict.fromkeys(carried) if kind in scope.type_variables.values()]
        if variables:
            bases.append(f"{scope.use('Generic')}[{', '.join(variables)}]")
    elif not bases:
        bases.append(scope.use("Node"))
    return Code(", ".join(bases))


def _constants(node: NodeSchema, scope: ArgumentScope) -> list[tuple[Code, Code]]:
    constants = [
        (Code("_class_type"), text(node.class_type)),
        (Code("_display_name"), text(node.display_name)),
        (Code("_output_types"), texts(output.type for output in node.outputs)),
    ]
    if node.is_output_node:
        constants.append((Code("_result_class"), Code(scope.use(result_class(node)))))
    return constants


_BY_CLASS_TYPE: Final = {
    "CreateBoundingBoxes": "NodeOutput",
    "LossGraphNode": "ImageOutput",
    "Preview3D": "Model3DOutput",
    "Preview3DAnimation": "Model3DOutput",
    "PreviewAny": "TextOutput",
    "SAM3_TrackPreview": "VideoOutput",
    "SaveLatent": "LatentOutput",
    "SaveSVGNode": "ImageOutput",
    "SaveText": "TextOutput",
    "SaveWEBM": "VideoOutput",
}
"""Core nodes of 0.3.64 to 0.27.0 of which their sockets say nothing."""

_BY_SOCKET: Final = {
    "AUDIO": "AudioOutput",
    "IMAGE": "ImageOutput",
    "MASK": "ImageOutput",
    "MESH": "Model3DOutput",
    "VIDEO": "VideoOutput",
}


def result_class(node: NodeSchema) -> Code:
    """The class of what an output node gives; `NodeOutput` where nothing is known.

    ``NodeOutput`` has all files, whatever they are; the others add a name for one kind of them.
    A node shows what is linked to it, or else what it makes; pictures with sound are a video.
    The core's API nodes and those that write a data set give nothing.
    """
    known = _BY_CLASS_TYPE.get(node.class_type)
    if known is not None:
        return Code(known)
    if node.api_node or "folder_name" in node.by_name:
        return Code("NodeOutput")
    shown = _kinds(entry.type for entry in walk_inputs(node)) or _kinds(
        output.type for output in node.outputs
    )
    if shown == {"AudioOutput", "ImageOutput"}:
        return Code("VideoOutput")
    return Code(shown.pop() if len(shown) == 1 else "NodeOutput")


def _kinds(types: Iterable[str]) -> set[str]:
    found = (_kind(part) for kind in types for part in members(kind))
    return {kind for kind in found if kind is not None}


@lru_cache(maxsize=4096)
def _kind(socket: str) -> str | None:
    return "Model3DOutput" if socket.startswith("FILE_3D") else _BY_SOCKET.get(socket)
