"""cg-image-picker: files of older versions have no count."""

from __future__ import annotations

from typing import Final

from ..javascript import js_text
from ..pack import Pack, PackNode

_DIGITS: Final = 15


def _count(node: PackNode) -> None:
    """A saved count that is not a number, or 0, becomes 1; other places than the second are not looked at."""
    values = node.values
    if values and _leading_whole(values[1] if len(values) > 1 else None) == 0:
        node.set("count", 1)


def _leading_whole(value: object) -> int:
    """The whole number that a string begins with; 0 where it begins with none."""
    text = js_text(value).strip()
    sign, digits = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
    count = 0
    while count < min(len(digits), _DIGITS) and digits[count] in "0123456789":
        count += 1
    return int(sign + digits[:count]) if count else 0


PACK: Final = Pack(
    "cg-image-picker",
    "2.15",
    modules=("cg-image-picker",),
    classes={"Preview Chooser": _count},
)
