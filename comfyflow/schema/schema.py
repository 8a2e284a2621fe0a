"""All node classes of a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, overload

from ..errors import SchemaError
from ..nearest import nearest
from ..problem import Problem, left_out
from .asked_classes import AskedClasses
from .catalogue import Catalogue
from .node_schema import MalformedNodeError, NodeSchema, read_node
from .version import Version, infer_version, inferred, required_editor

T = TypeVar("T")


class Schema(Mapping[str, NodeSchema]):
    """The node classes of one server, by ``class_type``.

    A node is decoded on first use, so that checking one workflow against a server with a
    thousand nodes does not pay for all of them. A malformed one counts as missing: `problems` says why.

    Args:
        raw: The object that the server's /object_info gives.
        version: The server's version, or None to infer it from the shape of the nodes.
        source: Where it came from, for messages.
        files_known: Whether its lists of installed files are those of the server in use. They
            are not for a schema that is beside generated modules: nothing is checked
            against them (see `lists_files`).
        editor: The version of the editor that the server requires, where that is known.
        is_whole: Whether it has all classes of its server. One of single classes knows neither how
            many there are nor the server's version, and reports say so.
    """

    def __init__(
        self,
        raw: Mapping[str, Any],
        version: Version | str | None = None,
        source: str = "a dictionary",
        files_known: bool = True,
        editor: str | None = None,
        is_whole: bool = True,
    ) -> None:
        self.is_whole = is_whole
        self.files_known = files_known
        self.editor = editor
        self.raw = raw
        self.source = source
        self._version = Version.parse(version) if isinstance(version, str) else version
        self._inferred = False
        self._nodes: dict[str, NodeSchema | None] = {}
        self._reasons: dict[str, str] = {}
        self.derived: dict[object, Any] = {}
        """What later layers work out of it and keep, under their own keys."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "derived": {}}  # it can be worked out again, and not be pickled

    @property
    def version(self) -> Version:
        """The version of the server that it came from, given or inferred."""
        if self._version is None:
            self._version = infer_version(self.raw)
            self._inferred = True
        return self._version

    @property
    def version_text(self) -> str:
        """The version as messages show it: ``0.27.0``, or ``0.27 or newer`` where it was inferred."""
        version = self.version
        return inferred(version) if self._inferred else str(version)

    @property
    def unusual_editor(self) -> str | None:
        """The editor that the server requires, where its version alone does not tell it."""
        return self.editor if self.editor != required_editor(self.version) else None

    @overload
    def get(self, class_type: object) -> NodeSchema | None: ...

    @overload
    def get(self, class_type: object, default: NodeSchema | T) -> NodeSchema | T: ...

    def get(self, class_type: object, default: Any = None) -> Any:
        """The node class of that name, or the default where there is none or it is malformed."""
        if not isinstance(class_type, str):
            return default
        node = self._find(class_type)
        return default if node is None else node

    def __getitem__(self, class_type: str) -> NodeSchema:
        node = self._find(class_type)
        if node is None:
            raise KeyError(class_type)
        return node

    def __contains__(self, class_type: object) -> bool:
        return isinstance(class_type, str) and self._find(class_type) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.raw if self._find(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __str__(self) -> str:
        """Which schema it is: the last line of every report that is made against it."""
        count = self.count
        classes = f"{count} node class{'' if count == 1 else 'es'} of " if count is not None else ""
        return f"schema: {classes}ComfyUI {self.version_text}, from {self.source}"

    def __repr__(self) -> str:
        count = self.count
        nodes = f"of {count} nodes, " if count is not None else ""
        return f"<Schema {nodes}ComfyUI {self.version}, from {self.source}>"

    @property
    def count(self) -> int | None:
        """How many node classes there are; None if the server was asked for some only."""
        raw = self.raw
        return None if isinstance(raw, AskedClasses) and not raw.is_whole else len(raw)

    def whole(self) -> Schema:
        """The schema with all its classes; one that asks a server for each asks for all.

        Raises:
            SchemaError: The server does not answer.
        """
        raw = self.raw
        if not isinstance(raw, AskedClasses):
            return self
        return Schema(raw.whole(), self._version, self.source, self.files_known, self.editor)

    def expect(self, names: Iterable[str]) -> None:
        """Have a schema that asks a server ask for these classes at once; any other does nothing.

        Args:
            names: The classes that will be looked at.

        Raises:
            SchemaError: The server does not answer.
        """
        if isinstance(self.raw, AskedClasses):
            self.raw.expect(names)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every node that could not be read, and why. It was left out. Looks at all of them."""
        for name in self.raw:
            self._find(name)
        return self.problems_so_far

    @property
    def problems_so_far(self) -> tuple[Problem, ...]:
        """Those of the nodes that were looked at."""
        return tuple(left_out(name, reason) for name, reason in self._reasons.items())

    def nearest(self, class_type: str) -> str | None:
        """The known class whose name is most like this one, or None if none is near."""
        return nearest(class_type, self.names_near(class_type))

    def names_near(self, class_type: str) -> Iterable[str]:
        """Names of known classes, with the one that is most like this one among them."""
        raw = self.raw
        if not isinstance(raw, AskedClasses):
            return raw
        near = raw.nearest(class_type)
        return () if near is None else (near,)

    def entry(self, class_type: str) -> Any:
        """What the server says about a class, malformed or not; None if there is none that can be read."""
        try:
            return self.raw.get(class_type)
        except SchemaError:
            return None

    def release(self, class_type: str) -> None:
        """Forget what was read of a class of a large schema; it is read again when it is next looked at."""
        if isinstance(self.raw, Catalogue) and self._nodes.get(class_type) is not None:
            del self._nodes[class_type]
            self.raw.release(class_type)

    def _find(self, class_type: str) -> NodeSchema | None:
        if class_type in self._nodes:
            return self._nodes[class_type]
        if class_type not in self.raw:
            return None
        try:
            node: NodeSchema | None = read_node(class_type, self.raw[class_type])
        except (MalformedNodeError, SchemaError) as error:
            self._reasons[class_type] = str(error)
            node = None
        self._nodes[class_type] = node
        return node


UNKNOWN: Final = Schema({}, "0.27.0", "nothing", is_whole=False)
"""The schema of an unidentified server."""
