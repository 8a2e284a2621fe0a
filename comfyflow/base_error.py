"""What all errors can do: be shown in notebooks, be copied, and reach other processes."""

from __future__ import annotations

from typing import Any, ClassVar


class BaseError(Exception):
    """The base of the tree in `errors`."""

    _unpickled: ClassVar[frozenset[str]] = frozenset()
    """The attributes that stay in this process, and are None in others."""

    def _render_traceback_(self) -> list[str]:
        """What IPython and Jupyter show instead of a traceback: the user's own lines and the message."""
        from .user_lines import traceback_lines

        return traceback_lines(self)

    # Python makes an error again by calling its class with its message, which fails where that wants more; a
    # pool of processes then waits forever for the result.
    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: None if name in self._unpickled else held for name, held in self.__dict__.items()}
        args = self.args
        if isinstance(self, OSError) and self.errno is not None:
            args = (self.errno, self.strerror, self.filename)
        return _made_again, (type(self), args, state)


def _made_again(kind: Any, args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    base: Any = next(each for each in (OSError, ImportError, Exception) if isinstance(error, each))
    base.__init__(error, *args)
    error.__dict__.update(state)
    return error
