"""What all errors can do: be shown in notebooks, be copied, and reach other processes."""

from __future__ import annotations

from typing import Any, ClassVar


class BaseError(Exception):
    """The base of the tree in `errors`."""

    _if_pickled: ClassVar[frozenset[str]] = frozenset()
    """The attributes that are None in copies if they cannot be pickled: the error itself must be copied."""

    def _render_traceback_(self) -> list[str]:
        """What IPython and Jupyter show instead of a traceback: the user's own lines and the message."""
        from .user_lines import traceback_lines

        return traceback_lines(self)

    # Python makes an error again by calling its class with its message, which fails where that wants more; a
    # pool of processes then waits forever for the result. Classes of others keep Python's way.
    def __reduce__(self) -> tuple[Any, ...]:
        if not type(self).__module__.startswith(_OURS):
            return super().__reduce__()  # type: ignore[return-value]
        args = self.args
        if isinstance(self, OSError) and self.errno is not None:
            args = (self.errno, self.strerror, self.filename)
        held = self.__dict__
        known = {name: _pickled(held[name]) for name in self._if_pickled if name in held}
        return _made_again, (type(self), args, {**held, **known})


_OURS = __name__.partition(".")[0] + "."


def _made_again(kind: Any, args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    base: Any = next(each for each in (OSError, ImportError, Exception) if isinstance(error, each))
    base.__init__(error, *args)
    error.__dict__.update(state)
    return error


def _pickled(value: object) -> Any:
    """The value, or None if it cannot be pickled."""
    from pickle import dumps

    try:
        dumps(value)
    except Exception:  # noqa: BLE001  # of any kind: users' classes say how they are pickled
        return None
    return value
