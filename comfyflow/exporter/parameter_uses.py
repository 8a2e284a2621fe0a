"""Which inputs of nodes a function gives its parameters to as they are.

``KSampler(seed=seed)`` does so, and ``raw_node("KSampler", {"seed": seed})``.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType


def given_parameters(code: CodeType) -> frozenset[tuple[str, str]]:
    """The arguments in a function's calls, and the values in its dictionaries, that are a parameter of it.

    Args:
        code: The function's code; of one whose source cannot be read, nothing is known.

    Returns:
        Pairs of an argument's name and a parameter's.
    """
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    function = _function(code)
    if function is None:
        return frozenset()
    return frozenset(pair for pair in _arguments(function) if pair[1] in names)


def _function(code: CodeType) -> ast.AST | None:
    for node in ast.walk(_tree(code.co_filename)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == code.co_name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


@lru_cache(maxsize=32)
def _tree(file: str) -> ast.AST:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


def _arguments(function: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg is not None and isinstance(keyword.value, ast.Name):
                    yield keyword.arg, keyword.value.id
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(key, ast.Constant)
                    and isinstance(key.value, str)
                    and isinstance(value, ast.Name)
                ):
                    yield key.value, value.id
