"""The source of a function, as a tree: only where it is that of the code which runs."""

from __future__ import annotations

import ast
import inspect
from tokenize import TokenError
from types import CodeType, FunctionType
from typing import Final

_FUTURE: Final = 0x1FF0000
"""The flags of a code object that ``from __future__`` sets."""


def source_of(function: FunctionType) -> ast.FunctionDef | None:
    """The source of a function; None if there is none, or another than that of the code which runs.

    Args:
        function: The function; its file may have changed since it was imported.
    """
    try:
        text = inspect.getsource(function)
        tree = ast.parse(f"if True:\n{text}" if text[:1].isspace() else text)
        flags = function.__code__.co_flags & _FUTURE
        compiled = compile(tree, function.__code__.co_filename, "exec", flags=flags, dont_inherit=True)
    except (OSError, TypeError, SyntaxError, TokenError, ValueError, RecursionError):
        return None
    block = tree.body[0] if tree.body else None
    defined = block.body[0] if isinstance(block, ast.If) else block
    if not isinstance(defined, ast.FunctionDef) or defined.name != function.__name__:
        return None
    codes = [each for each in compiled.co_consts if isinstance(each, CodeType)]
    return defined if any(_is_same(each, function.__code__) for each in codes) else None


def _is_same(one: CodeType, other: CodeType) -> bool:
    """Whether two code objects do the same, wherever they are."""
    if len(one.co_consts) != len(other.co_consts):
        return False
    alike = all(
        getattr(one, name) == getattr(other, name)
        for name in ("co_name", "co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars")
    )
    unlike = (one.co_flags ^ other.co_flags) & ~inspect.CO_NESTED
    return (
        alike
        and not unlike
        and all(
            _is_same(mine, theirs)
            if isinstance(mine, CodeType) and isinstance(theirs, CodeType)
            else type(mine) is type(theirs) and repr(mine) == repr(theirs)
            for mine, theirs in zip(one.co_consts, other.co_consts, strict=True)
        )
    )
