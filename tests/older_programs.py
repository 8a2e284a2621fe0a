"""Programs that call every class of a schema in every way that its choices allow, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from comfyflow.python_source.accepted import ANY, Accepted
from comfyflow.python_source.node_class import ConstructorParameter, InnerClass, NodeClass, NodeClasses

_PLAIN = {"str": "'text'", "int": "3", "float": "0.5", "bool": "True"}


def calls(node: NodeClass) -> Iterator[str]:
    """Calls of a class: one with all that must be given, one with all that can be, one a choice."""
    yield from dict.fromkeys(_calls(node.constructor))


def calls_of(classes: NodeClasses, names: Iterable[str]) -> list[str]:
    """The calls of these classes."""
    found: list[str] = []
    for name in sorted(names):
        known = classes.find(name)
        assert known is not None
        found += calls(known)
    return found


def program(made: list[str], package: str) -> str:
    """A module with a function that makes each of these calls, a line a call."""
    imported = ", ".join(sorted({class_of(call) for call in made}))
    links = sorted({name for call in made for name in links_of(call)})
    lines = [
        "from comfyflow.node import Output",
        f"from {package} import {imported}, sockets",
        "",
        f"def make({', '.join(f'of_{name}: Output[sockets.{name}]' for name in links)}) -> None:",
        *(f"    {call}" for call in made),
    ]
    return "\n".join(lines) + "\n"


def class_of(call: str) -> str:
    """The class that a call makes a node of."""
    return call.partition("(")[0]


def links_of(call: str) -> list[str]:
    """The socket types of the links that a call is given."""
    return re.findall(r"=\[?of_(\w+)", call)


def _calls(inner: InnerClass) -> Iterator[str]:
    needed = {
        wire: next(_values(parameter))
        for wire, parameter in inner.parameters.items()
        if not parameter.may_be_left_out
    }
    yield _call(inner, needed)
    yield _call(inner, {wire: next(_values(parameter)) for wire, parameter in inner.parameters.items()})
    for wire, parameter in inner.parameters.items():
        for value in _values(parameter):
            yield _call(inner, {**needed, wire: value})


def _call(inner: InnerClass, values: dict[str, str]) -> str:
    given = [f"{inner.parameters[wire].name}={value}" for wire, value in values.items()]
    return f"{'.'.join(inner.path)}({', '.join(given)})"


def _values(parameter: ConstructorParameter) -> Iterator[str]:
    """Everything that is worth giving to an argument."""
    for option in parameter.options.values():
        yield from _calls(option)
    if parameter.group is None or parameter.options:
        yield from _of(parameter.accepted)
    elif parameter.group.source is None:
        yield f"[{next(_calls(parameter.group))}]"
    else:
        yield from _of(parameter.group.source)


def _of(accepted: Accepted) -> Iterator[str]:
    if accepted.anything:
        yield "'anything'"
    yield from sorted(repr(value) for _, value in accepted.choices)
    for kind in sorted(accepted.types & _PLAIN.keys()):
        yield _PLAIN[kind]
    if accepted.element is not None:
        yield "[]" if accepted.element.carried == {ANY} else f"[{next(_of(accepted.element))}]"
    if accepted.objects:
        yield "{}"
    for carried in sorted(accepted.carried):
        if carried != ANY and not carried.startswith("_T"):
            yield f"of_{carried}"
    if accepted.carried & {ANY} or any(carried.startswith("_T") for carried in accepted.carried):
        yield "of_IMAGE"
