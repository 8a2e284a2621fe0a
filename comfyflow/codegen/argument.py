"""One argument of a generated constructor: its type, its default and what it puts in the prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..json_types import is_array, is_number, is_object
from ..schema import MISSING, InputSchema, lists_files, takes_file
from ..schema.input_schema import UPLOAD_FLAGS
from .code import Code, Types, literal_or_none, text
from .combo import ChoiceAliases, exact
from .name import PythonName
from .socket_type import SocketTypes, is_any, members, unlabelled

_TYPE_OPTIONS: Final = frozenset({"forceInput", "socketless", "widgetType", *UPLOAD_FLAGS})
_PYTHON_TYPES: Final = {"INT": "int", "FLOAT": "float", "STRING": "str", "BOOLEAN": "bool"}


class Argument(NamedTuple):
    """One argument.

    Attributes:
        name: The argument's name.
        wire: The input's name in the prompt, as a literal.
        types: The members of its type.
        default: Its default, or None if it must be given.
        value: What goes into the prompt: the argument, or a call that unfolds it.
        left_out: Whether None stands for leaving the input out.
    """

    name: PythonName
    wire: Code
    types: Types
    default: Code | None
    value: Code
    left_out: bool

    @property
    def annotation(self) -> Code:
        """Its type, on one line."""
        return Code(" | ".join(self.types))


def argument(
    entry: InputSchema,
    name: PythonName,
    types: Iterable[str],
    default: Code | None = None,
    value: Code | None = None,
) -> Argument:
    """The argument for an input; one that is optional and has no default may be left out.

    Args:
        entry: The input.
        name: The argument's name.
        types: The members of the type of what is given.
        default: Its default, or None.
        value: What goes into the prompt, if that is not the argument itself.
    """
    left_out = default is None and not entry.required
    if left_out:
        types, default = (*types, "None"), Code("None")
    return Argument(
        name, text(entry.name), tuple(dict.fromkeys(types)), default, value or Code(name), left_out
    )


def merged_argument(entry: InputSchema, name: PythonName, alternatives: Iterable[Iterable[str]]) -> Argument:
    """The argument for an input that has several definitions, of which none need be given.

    Args:
        entry: One of them.
        name: The argument's name.
        alternatives: The members of the type of each.
    """
    return argument(entry, name, [part for types in alternatives for part in types])


EXTRA: Final = Code('"**"')
"""What is in place of a wire name where an argument brings inputs of any names."""


def extra_argument(name: PythonName, scope: ArgumentScope) -> Argument:
    """The argument for inputs without one.

    Args:
        name: The argument's name.
        scope: The body of the class.
    """
    scope.use("extra")
    kind = f"{scope.use('Mapping')}[{scope.builtin('str')}, {scope.use('AnyValue')}]"
    return Argument(name, EXTRA, (kind, "None"), Code("None"), Code(f"_extra({name})"), False)


@dataclass
class ArgumentScope:
    """The class body in which annotations are.

    Attributes:
        hidden: Built-in names that an output of the class hides.
        type_variables: The type variable of each template of inputs of one type.
        imports: Names that the module must import; added to as they are used.
    """

    hidden: frozenset[str] = frozenset()
    type_variables: Mapping[str, Code] = field(default_factory=dict[str, Code])
    imports: set[str] = field(default_factory=set[str])

    def builtin(self, name: str) -> str:
        """A built-in type, whatever the class calls its outputs."""
        if name not in self.hidden:
            return name
        self.imports.add("builtins")
        return f"_b.{name}"

    def use(self, name: str) -> str:
        """A name that the module imports."""
        self.imports.add(name)
        return name

    def output(self, carried: str) -> str:
        """The type of an output that carries this."""
        return f"{self.use('Output')}[{self.socket(carried)}]"

    def socket(self, carried: str) -> str:
        """What an output carries: where that is a socket type, the module needs those."""
        if carried.startswith("_t."):
            self.imports.add("sockets")
        return carried


class Annotator:
    """Says what an input that is not dynamic takes.

    Args:
        sockets: The package's socket types.
        choices: The package's aliases.
    """

    def __init__(self, sockets: SocketTypes, choices: ChoiceAliases) -> None:
        self.sockets = sockets
        self._choices = choices
        self._plain: dict[tuple[str, frozenset[str]], tuple[Types, set[str]]] = {}

    def types(self, entry: InputSchema, scope: ArgumentScope) -> Iterable[str]:
        """The members of an argument's type, without the None of one that may be left out."""
        if not _is_plain(entry):
            return self._types(entry, scope)
        key = (entry.type, scope.hidden)
        known = self._plain.get(key)
        if known is None:
            alone = ArgumentScope(scope.hidden)
            known = self._plain[key] = (tuple(self._types(entry, alone)), alone.imports)
        scope.imports |= known[1]
        return known[0]

    def _types(self, entry: InputSchema, scope: ArgumentScope) -> list[str]:
        if entry.match_template is not None:
            return [self._matched(entry, scope)]
        if is_any(entry.type) or (entry.type.startswith("COMFY_") and entry.type.endswith("_V3")):
            return [scope.use("AnyValue")]
        if entry.is_combo:
            return [*self._combo_values(entry, scope), scope.output("_t.COMBO")]
        return [*self._values(entry, scope), scope.output(self.sockets.input(entry.type))]

    def default(self, entry: InputSchema) -> Code | None:
        """The stated default, or None if there is none that the input would take.

        A socket that the editor gives no widget (``forceInput``) has none: the editor never
        sends it. Nor has a combo over installed files: what it states is this machine's. Nor has
        what takes a file: a server is not to name one of the user's, which would then be uploaded.
        """
        stated = entry.default
        if entry.upload is not None and stated != "":
            return None
        if stated is MISSING or stated is None or entry.options.get("forceInput"):
            return None
        if entry.is_combo:
            return self._combo_default(entry, stated)
        kinds = tuple(map(unlabelled, members(entry.type)))
        if any(kind in _PYTHON_TYPES for kind in kinds):
            return _primitive_default(kinds, stated)
        return literal_or_none(stated)

    def _matched(self, entry: InputSchema, scope: ArgumentScope) -> str:
        variable = scope.type_variables.get(entry.match_template or "")
        if variable is not None:
            return scope.output(variable)
        if is_any(entry.match_types):
            return scope.output(scope.use("Any"))
        return scope.output(self.sockets.input(entry.match_types))

    def _combo_values(self, entry: InputSchema, scope: ArgumentScope) -> list[str]:
        value = self._choice(entry, scope)
        if entry.multiselect:
            return [value, f"{scope.use('Sequence')}[{value}]"]
        return [value, scope.use("FileValue")] if takes_file(entry) else [value]

    def _choice(self, entry: InputSchema, scope: ArgumentScope) -> str:
        alias = self._choices.find(entry)
        if alias is not None:
            scope.imports.add("choices")
            return f"_c.{alias}"
        choices = entry.choices or ()
        if all(isinstance(choice, str) for choice in choices):
            return scope.builtin("str")
        if all(is_number(choice) for choice in choices):
            return scope.builtin("float")
        return scope.use("AnyValue")

    def _combo_default(self, entry: InputSchema, stated: Any) -> Code | None:
        if self._choices.find(entry) is None and lists_files(entry):
            return None
        wanted: list[Any] = list(stated) if entry.multiselect and is_array(stated) else [stated]
        known = [exact(choice) for choice in entry.choices or ()]
        return literal_or_none(stated) if all(exact(one) in known for one in wanted) else None

    def _values(self, entry: InputSchema, scope: ArgumentScope) -> list[str]:
        """The types of the constants that an input takes: those of its primitive types, and
        where the editor has a widget for another type, JSON values like its default.
        """
        kinds = [*map(unlabelled, members(entry.type)), entry.options.get("widgetType")]
        values = [
            scope.builtin(_PYTHON_TYPES[kind])
            for kind in kinds
            if isinstance(kind, str) and kind in _PYTHON_TYPES
        ]
        if "COMBO" in kinds:
            values.append(scope.builtin("str"))
        if entry.upload is not None:
            values.append(scope.use("FileValue"))
        if not values and not entry.options.get("forceInput"):
            values += _like_default(entry, scope)
        return values


def _is_plain(entry: InputSchema) -> bool:
    """Whether nothing but the name of its type says what an input takes."""
    if entry.is_combo or entry.dynamic is not None or not entry.options.keys().isdisjoint(_TYPE_OPTIONS):
        return False
    return ":" not in entry.type and (entry.type in _PYTHON_TYPES or "default" not in entry.options)


def _like_default(entry: InputSchema, scope: ArgumentScope) -> list[str]:
    stated = entry.default
    if is_object(stated):
        return [f"{scope.use('Mapping')}[{scope.builtin('str')}, {scope.use('Any')}]"]
    if is_array(stated):
        return [f"{scope.use('Sequence')}[{scope.use('Any')}]"]
    if isinstance(stated, str):
        return [scope.builtin("str")]
    if stated is not MISSING or entry.options.get("socketless") or entry.options.get("widgetType"):
        return [scope.use("AnyValue")]
    return []


def _primitive_default(kinds: tuple[str, ...], stated: Any) -> Code | None:
    if isinstance(stated, bool):
        return literal_or_none(stated) if "BOOLEAN" in kinds else None
    if isinstance(stated, str):
        return text(stated) if "STRING" in kinds else None
    if is_number(stated) and "FLOAT" in kinds:
        return literal_or_none(stated)
    if is_number(stated) and "INT" in kinds and stated == stated // 1:
        return literal_or_none(int(stated))
    return None
