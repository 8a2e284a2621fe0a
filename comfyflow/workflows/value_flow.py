"""Which parameters of a workflow function only become values of inputs, whatever they are.

A function may branch on a parameter, count with it, or write it into a string: its graph then depends on
it. Of a parameter that is nothing but handed to inputs of nodes, the graph is the same for all values,
and the value can be put into a prompt that was compiled before. That is proved, by the source of the
function, or not assumed: what the proof does not know (a loop without an end, ``try``, a call of other
people's code, a file that is read, a random number, a closure) makes the function one that is compiled
again each time.

The proof knows calls of node classes, of functions that are so simple themselves, of a few builtins
and of methods of texts and lists. It takes for granted that reading an attribute or an item, and an
operator, depend on nothing but their operands. What it read of the outside, global names, is
remembered and looked at again (`ValueFlow.holds`).
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final

from ..dynamic_input import autogrow, choose, extra
from ..node import Node, bypassed, raw_node, titled, with_id, with_inputs
from ..record import Record
from .function_source import source_of
from .root import output_of

_DEEPEST: Final = 16
"""How deep functions may call one another."""
_LARGEST: Final = 1000
"""How many elements a global list or dict may have that a function reads."""

_LIBRARY: Final = (
    bypassed,
    output_of,
    raw_node,
    titled,
    with_id,
    with_inputs,
    extra,
)
_BUILTINS: Final = frozenset(
    {
        *("abs", "all", "any", "bool", "dict", "divmod", "enumerate", "float", "int", "isinstance", "len"),
        *("list", "max", "min", "range", "reversed", "round", "sorted", "str", "sum", "tuple", "zip"),
    }
)
_METHODS: Final = frozenset(
    {
        *("capitalize", "casefold", "count", "endswith", "find", "format", "index", "items", "join", "keys"),
        *("lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rpartition", "rsplit"),
        *("rstrip", "split", "splitlines", "startswith", "strip", "title", "upper", "values", "get", "zfill"),
    }
)
"""Methods of texts, lists and dicts that change nothing."""
_CONSTANTS: Final = (str, int, float, bool, bytes, type(None), enum.Enum, PurePath, complex)
_FACTORIES: Final[tuple[Any, ...]] = (dataclasses.MISSING, list, dict, tuple)
_STATEMENTS: Final = (
    *(ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.If, ast.For, ast.Pass),
    *(ast.Assert, ast.Raise),
)
_EXPRESSIONS: Final = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp),
    *(ast.Subscript, ast.Slice, ast.JoinedStr, ast.FormattedValue, ast.Tuple, ast.List, ast.Dict, ast.Set),
    *(ast.Starred, ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.NamedExpr, ast.Call),
)


@dataclass(frozen=True)
class _Seen:
    """A name of the outside that a function reads, and what it stood for."""

    owner: Any
    name: str
    value: Any
    written: str | None

    def holds(self) -> bool:
        """Whether it still stands for the same."""
        now = _value_of(self.owner, self.name)
        return now is self.value and (self.written is None or self.written == repr(now))


@dataclass(frozen=True)
class ValueFlow:
    """What is known about a function.

    Attributes:
        values: The parameters that only become values of inputs, or are asked whether they are None.
        seen: What it reads of the outside.
    """

    values: frozenset[str]
    seen: tuple[_Seen, ...]

    def holds(self) -> bool:
        """Whether the outside is still what it was when this was found out."""
        return all(entry.holds() for entry in self.seen)


_NOTHING: Final = object()


def _value_of(owner: Any, name: str) -> Any:
    """What a name stands for in a module, or in its dictionary; `_NOTHING` where it stands for nothing."""
    if isinstance(owner, ModuleType):
        return getattr(owner, name, _NOTHING)
    names: dict[str, Any] = owner
    return names.get(name, _NOTHING)


class _Unknown(Exception):
    """Something that the proof does not know."""


@dataclass
class _Proof:
    """What is found out about a function and those that it calls."""

    seen: dict[tuple[int, str], _Seen] = field(default_factory=dict[tuple[int, str], _Seen])
    known: dict[CodeType, frozenset[str] | None] = field(
        default_factory=dict[CodeType, "frozenset[str] | None"]
    )

    def values_of(self, function: FunctionType, depth: int) -> frozenset[str]:
        """The parameters of a function that only become values of inputs.

        Raises:
            _Unknown: It does something that the proof does not know.
        """
        code = function.__code__
        if code in self.known:
            found = self.known[code]
            if found is None:
                raise _Unknown  # it calls itself
            return found
        if depth > _DEEPEST or code.co_freevars:
            raise _Unknown
        if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            raise _Unknown
        self.known[code] = None
        body = _checked_source(function).body
        found = _FunctionBody(self, function, depth).of(body)
        self.known[code] = found
        return found

    def see(self, owner: Any, name: str) -> Any:
        """What a name of the outside stands for.

        Raises:
            _Unknown: Nothing.
        """
        value = _value_of(owner, name)
        if value is _NOTHING:
            raise _Unknown
        may_change = type(value) in (list, dict, set, tuple) and _is_constant(value)
        self.seen[id(owner), name] = _Seen(owner, name, value, repr(value) if may_change else None)
        return value


def value_flow(function: object) -> ValueFlow | None:
    """Find out which parameters only become values; None if that cannot be proved of the function.

    Args:
        function: A workflow's function.
    """
    if type(function) is not FunctionType:
        return None
    proof = _Proof()
    try:
        values = proof.values_of(function, 0)
    except _Unknown:
        return None
    return ValueFlow(values, tuple(proof.seen.values()))


class _FunctionBody:
    """Reads one function.

    Args:
        proof: What is known already.
        function: The function.
        depth: How deep it is called.
    """

    def __init__(self, proof: _Proof, function: FunctionType, depth: int) -> None:
        self._proof = proof
        self._globals: dict[str, Any] = function.__globals__
        self._depth = depth
        code = function.__code__
        counted = code.co_argcount + code.co_kwonlyargcount
        self._parameters = frozenset(code.co_varnames[:counted])
        variable = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
        self._used = set(code.co_varnames[counted : counted + variable])
        self._local = set(code.co_varnames)
        self._lists: set[str] = set()

    def of(self, body: list[ast.stmt]) -> frozenset[str]:
        """The parameters that only become values.

        Raises:
            _Unknown: See `_Proof.values_of`.
        """
        stored: dict[str, list[ast.expr | None]] = {}
        for statement in body:
            for name, value in _stores(statement):
                stored.setdefault(name, []).append(value)
        self._local |= stored.keys()
        self._used |= stored.keys() & self._parameters
        self._lists = {
            name
            for name, values in stored.items()
            if name not in self._parameters
            and all(isinstance(value, (ast.List, ast.ListComp)) for value in values)
        }
        self._statements(body)
        return self._parameters - self._used

    def _statements(self, body: list[ast.stmt]) -> None:
        for statement in body:
            if not isinstance(statement, _STATEMENTS):
                raise _Unknown
            for name, value in ast.iter_fields(statement):
                if name in ("body", "orelse"):
                    self._statements(value)
                elif name == "target":
                    _check_target(value)
                elif name == "targets":
                    _check_target(ast.List(value, ast.Store()))
                elif name != "annotation" and isinstance(value, ast.expr):
                    self._expression(value)

    def _expression(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            self._call(node)
        elif _asks_for_none(node):
            return  # of a value of a known type, the answer is known
        elif isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self._name(node)
        elif isinstance(node, ast.Attribute) and (found := self._outside(node)) is not None:
            _check_constant(found[0])
        else:
            if isinstance(node, ast.expr) and not isinstance(node, _EXPRESSIONS):
                raise _Unknown
            if isinstance(node, ast.Attribute) and node.attr.startswith("__"):
                raise _Unknown
            if isinstance(node, ast.comprehension):
                _check_target(node.target)
                if node.is_async:
                    raise _Unknown
            if isinstance(node, ast.Set) and not all(isinstance(each, ast.Constant) for each in node.elts):
                raise _Unknown  # the order of what a set holds may be another each time
            for child in ast.iter_child_nodes(node):
                self._expression(child)

    def _name(self, node: ast.Name) -> None:
        if node.id in self._parameters:
            self._used.add(node.id)
        elif node.id not in self._local:
            found = self._outside(node)
            if found is None:
                raise _Unknown
            _check_constant(found[0])

    def _outside(self, node: ast.expr) -> tuple[Any] | None:
        """What a global name, or an attribute of a module or an enum behind one, stands for.

        Returns:
            It, in a tuple; None if the expression is something else.
        """
        if isinstance(node, ast.Name):
            if node.id in self._local:
                return None
            if node.id in self._globals:
                return (self._proof.see(self._globals, node.id),)
            return (self._proof.see(vars(builtins), node.id),)
        if isinstance(node, ast.Attribute):
            base = self._outside(node.value)
            if base is None:
                return None
            if isinstance(base[0], ModuleType):
                return (self._proof.see(base[0], node.attr),)
            if isinstance(base[0], enum.EnumMeta) and node.attr in base[0].__members__:
                return (base[0].__members__[node.attr],)
        return None

    def _call(self, call: ast.Call) -> None:
        found = self._outside(call.func)
        if found is None:
            self._method(call)
            return
        called = found[0]
        if _is_node_class(called):
            self._arguments(call, (), _values_of_class(called))
        elif type(called) is FunctionType and not _is_library(called):
            code = called.__code__
            names = code.co_varnames[: code.co_argcount]
            self._arguments(call, names, self._proof.values_of(called, self._depth + 1))
        elif _is_library(called) or _is_builtin(called) or _is_record(called) or _is_exception(called):
            self._arguments(call, (), frozenset())
        else:
            raise _Unknown

    def _arguments(self, call: ast.Call, names: tuple[str, ...], values: frozenset[str]) -> None:
        """The arguments of a call.

        Args:
            call: The call.
            names: The names of positional arguments.
            values: The arguments that only become values.
        """
        behind_star = False
        for index, argument in enumerate(call.args):
            behind_star = behind_star or isinstance(argument, ast.Starred)
            name = names[index] if index < len(names) and not behind_star else ""
            self._argument(argument, name in values)
        for keyword in call.keywords:
            self._argument(keyword.value, keyword.arg is not None and keyword.arg in values)

    def _argument(self, argument: ast.expr, becomes_value: bool) -> None:
        if not (becomes_value and isinstance(argument, ast.Name) and argument.id in self._parameters):
            self._expression(argument)

    def _method(self, call: ast.Call) -> None:
        function = call.func
        if not isinstance(function, ast.Attribute):
            raise _Unknown
        own_list = isinstance(function.value, ast.Name) and function.value.id in self._lists
        if function.attr not in _METHODS and not (own_list and function.attr in ("append", "extend")):
            raise _Unknown
        self._expression(function.value)
        self._arguments(call, (), frozenset())


def _stores(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """The names that a statement sets, those in it too, and to what where one can see it."""
    for node in ast.walk(statement):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
                    continue
                yield from ((each.id, None) for each in ast.walk(target) if isinstance(each, ast.Name))
        elif isinstance(node, (ast.For, ast.comprehension, ast.AugAssign, ast.NamedExpr)):
            yield from ((each.id, None) for each in ast.walk(node.target) if isinstance(each, ast.Name))


def _asks_for_none(node: ast.AST) -> bool:
    """Whether it is ``name is None`` or ``name is not None``."""
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Name)
        and len(node.ops) == 1
        and isinstance(node.ops[0], (ast.Is, ast.IsNot))
        and isinstance(node.comparators[0], ast.Constant)
        and node.comparators[0].value is None
    )


def _check_target(target: ast.expr) -> None:
    if isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            _check_target(each)
    elif isinstance(target, ast.Starred):
        _check_target(target.value)
    elif not isinstance(target, ast.Name):
        raise _Unknown


def _check_constant(value: Any) -> None:
    if not _is_constant(value):
        raise _Unknown


def _is_constant(value: Any) -> bool:
    """Whether a value never changes, or is a list or a dict of which one can see whether it has."""
    left = _LARGEST
    waiting = [value]
    while waiting:
        each = waiting.pop()
        left -= 1
        if left < 0:
            return False
        if type(each) in (tuple, list, set, frozenset):
            waiting += each
        elif type(each) is dict:
            waiting += [*each, *each.values()]
        elif not isinstance(each, _CONSTANTS):
            return False
    return True


def _is_node_class(called: object) -> bool:
    return isinstance(called, type) and issubclass(called, Node)


def _is_library(called: object) -> bool:
    return any(called is each for each in _LIBRARY)


def _is_builtin(called: object) -> bool:
    return (
        isinstance(called, (type, BuiltinFunctionType))
        and called.__module__ == "builtins"
        and called.__name__ in _BUILTINS
    )


def _is_exception(called: object) -> bool:
    return isinstance(called, type) and issubclass(called, Exception) and called.__module__ == "builtins"


def _is_record(called: object) -> bool:
    """Whether it is a class that holds values and does nothing else when it is made."""
    if not isinstance(called, type):
        return False
    if called.__bases__ == (Record,) or (called.__bases__ == (tuple,) and hasattr(called, "_fields")):
        return True
    if not dataclasses.is_dataclass(called) or hasattr(called, "__post_init__"):
        return False
    code: Any = getattr(vars(called).get("__init__"), "__code__", None)
    made = isinstance(code, CodeType) and code.co_filename == "<string>"
    factories: list[Any] = [entry.default_factory for entry in dataclasses.fields(called)]
    plain = all(any(each is kind for kind in _FACTORIES) for each in factories)
    return made and plain and called.__new__ is object.__new__ and type(called) is type


_USUAL: Final[tuple[Any, ...]] = (type, Node._make, object.__new__)
"""The metaclass and the methods of a node class that does nothing itself."""


@lru_cache(maxsize=1024)
def _values_of_class(kind: Any) -> frozenset[str]:
    """The arguments of a node class that become values of inputs as they are.

    Its constructor is read: it must be what the generator writes, one call of ``self._make`` with
    the arguments by wire name. An argument that it unfolds, for a dynamic input, is not one.

    Raises:
        _Unknown: Its constructor does something else.
    """
    constructor = kind.__init__
    own: list[Any] = [type(kind), kind._make, kind.__new__]
    changed = any(each is not usual for each, usual in zip(own, _USUAL, strict=True))
    if type(constructor) is not FunctionType or changed or constructor.__code__.co_freevars:
        raise _Unknown
    body = _checked_source(constructor).body
    made = body[-1]
    if len(body) != 1 or not isinstance(made, ast.Expr) or not isinstance(made.value, ast.Call):
        raise _Unknown
    call = made.value
    if ast.unparse(call.func) != "self._make" or call.keywords or len(call.args) not in (1, 2):
        raise _Unknown
    inputs = call.args[0]
    if not isinstance(inputs, ast.Dict) or not all(isinstance(key, ast.Constant) for key in inputs.keys):
        raise _Unknown
    names = [each.id for each in ast.walk(inputs) if isinstance(each, ast.Name)]
    for value in inputs.values:
        if isinstance(value, ast.Call):
            _check_dynamic(value, constructor)
        elif not isinstance(value, ast.Name):
            raise _Unknown
    plain = [value.id for value in inputs.values if isinstance(value, ast.Name)]
    code = constructor.__code__
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return frozenset(name for name in plain if name in arguments and names.count(name) == 1)


def _check_dynamic(call: ast.Call, constructor: FunctionType) -> None:
    """Refuse a call in a constructor that is not one of those which the generator writes.

    Raises:
        _Unknown: It is another.
    """
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    called = constructor.__globals__.get(name)
    if called not in (autogrow, choose, extra):
        raise _Unknown


def _checked_source(function: FunctionType) -> ast.FunctionDef:
    """See `source_of`.

    Raises:
        _Unknown: There is none.
    """
    found = source_of(function)
    if found is None:
        raise _Unknown
    return found
