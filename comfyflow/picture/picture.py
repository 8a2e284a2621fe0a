"""A workflow to be looked at: as SVG, as a page, as PNG.

This is the one place where texts from untrusted files become markup. The templates escape everything but the
files beside this one, and the picture that a template made.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, get_args

from ..bounds import PNG_PIXELS
from ..errors import PictureError, SchemaError
from ..graph import Graph, GraphNode, Link
from ..input_file import is_path
from ..problem import Problem
from .drawing import Drawing, draw
from .text import dot_text, mermaid_text, shortened
from .theme import Theme, page_style, style

if TYPE_CHECKING:
    from jinja2 import Environment

    from ..diff import Diff
    from ..schema import Schema


class Picture:
    """A workflow drawn as the editor draws it; a notebook shows it.

    Args:
        graph: What is drawn. What its canvas does not say is laid out.
        schema: The classes of its nodes: their slots, widgets and types. Without it, nodes have what the
            graph says about them.
        problems: What is wrong with nodes; drawn in place.
        marks: For nodes by id: ``added``, ``removed`` or ``changed``.
        title: What it is called.
        theme: On which ground an SVG is; ``auto`` is what the reader's system prefers.

    Raises:
        PictureError: The theme does not exist, or an argument is of another type.
    """

    def __init__(
        self,
        graph: Graph,
        schema: Schema | None = None,
        *,
        problems: Iterable[Problem] = (),
        marks: Mapping[str, str] | None = None,
        title: str = "",
        theme: Theme = "auto",
    ) -> None:
        _check_types(graph, schema)
        if theme not in get_args(Theme):
            raise PictureError(f"theme must be one of {', '.join(get_args(Theme))}, not {theme!r:.20}")
        self.graph: Final[Graph] = graph
        self.schema: Final[Schema | None] = schema
        self.theme: Final[Theme] = theme
        self._problems = tuple(problems)
        self._marks = marks
        self._title = title

    @cached_property
    def _drawing(self) -> Drawing:
        title = self._title or "A workflow"
        return draw(self.graph, self.schema, self._problems, self._marks, title)

    @cached_property
    def svg(self) -> str:
        """As SVG: no script in it, and nothing that it loads."""
        return svg_text(self._drawing, self.theme)

    @cached_property
    def html(self) -> str:
        """As a page in one file, which pans, zooms, searches and highlights, without any request."""
        return page_text(self._drawing)

    @cached_property
    def mermaid(self) -> str:
        """As a flowchart of Mermaid."""
        return mermaid_text(self.graph, self.schema)

    @cached_property
    def dot(self) -> str:
        """For Graphviz."""
        return dot_text(self.graph, self.schema)

    @cached_property
    def png(self) -> bytes:
        """As PNG, on a light ground unless the theme is dark.

        Raises:
            PictureError: The extra that draws it is not installed, or it cannot be drawn.
        """
        return png_bytes(svg_text(self._drawing, "dark" if self.theme == "dark" else "light"), self._drawing)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file, in the form that the name ends with.

        Args:
            path: Where: ``.svg``, ``.html``, ``.mmd``, ``.dot`` or ``.png``.

        Raises:
            PictureError: The name ends with something else, or the file cannot be written.
        """
        target = Path(path)
        content = self.form(target.suffix)
        try:
            target.write_bytes(content)
        except OSError as error:
            raise PictureError(f"cannot write {target}: {error.strerror or error}") from None
        return target

    def form(self, suffix: str) -> bytes:
        """The bytes of a file whose name ends with this.

        Raises:
            PictureError: Nothing is drawn in that form.
        """
        forms: dict[str, Callable[[], str | bytes]] = {
            ".svg": lambda: self.svg,
            ".html": lambda: self.html,
            ".mmd": lambda: self.mermaid,
            ".dot": lambda: self.dot,
            ".png": lambda: self.png,
        }
        made = forms.get(suffix.lower())
        if made is None:
            given = f"{suffix!r:.20} is not one of them" if suffix else "the file name has no suffix"
            raise PictureError(f"picture files end with {', '.join(forms)}; {given}")
        content = made()
        return content if isinstance(content, bytes) else content.encode("utf-8")

    @classmethod
    def shown(cls, graph: Graph) -> Picture:
        """What a notebook shows of a graph: its classes are those of ``comfynodes``, where it is installed.

        Args:
            graph: The graph.
        """
        return cls(graph, known_classes())

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Picture of {len(self.graph)} nodes>"


def known_classes() -> Schema | None:
    """The classes of the package ``comfynodes``; None if it is not installed."""
    from ..schema.package import reference_schema

    with suppress(SchemaError):
        return reference_schema()
    return None


def _check_types(graph: object, schema: object) -> None:
    from ..schema import Schema

    if not isinstance(graph, Graph):
        kind = type(graph).__name__
        raise PictureError(f"expected a Graph, not {kind}: for a Workflow, call picture()")
    if not isinstance(schema, (Schema, NoneType)):
        hint = ": save() writes a picture to a file" if isinstance(schema, str) or is_path(schema) else ""
        raise PictureError(f"schema must be a Schema, not {type(schema).__name__}{hint}")


def png_bytes(svg: str, drawing: Drawing) -> bytes:
    """An SVG as PNG; what would be too large is made smaller.

    Raises:
        PictureError: See `Picture.png`.
    """
    try:
        import resvg_py
    except ImportError:
        raise PictureError(
            "PNG needs the package resvg-py: pip install 'comfyflow-dsl[pictures]'; SVG and HTML need nothing"
        ) from None
    width, height = drawing.size
    scale = min(1.0, (PNG_PIXELS / max(width * height, 1.0)) ** 0.5)
    try:
        made = resvg_py.svg_to_bytes(svg_string=svg, width=max(1, int(width * scale)))
    except ValueError as error:
        raise PictureError(f"the picture cannot be converted to PNG: {error}") from None
    return bytes(made)


def difference_picture(found: Diff, schema: Schema | None = None, *, theme: Theme = "auto") -> Picture:
    """Draw a difference: what is added, changed and, in broken lines, removed.

    Args:
        found: The difference.
        schema: The classes of the nodes.
        theme: On which ground.
    """
    marks = {node.node_id: "added" for node in found.added}
    for change in (*found.changed, *found.rewired):
        marks[change.after.node_id] = "changed"
    marks.update((retitled.after.node_id, "changed") for retitled in found.retitled)
    names = dict(found.pairs)
    for node in found.removed:
        name = node.node_id
        while name in found.after or name in marks:
            name = f"{name} (removed)"
        names[node.node_id] = name
        marks[name] = "removed"
    gone = [_renamed(node, names) for node in found.removed]
    graph = Graph([*found.after.values(), *gone], found.after.scopes.values(), found.after.canvas)
    return Picture(graph, schema, marks=marks, title="The difference between two workflows", theme=theme)


def _renamed(node: GraphNode, names: dict[str, str]) -> GraphNode:
    """A node of the first workflow, on the canvas of the second."""
    inputs: dict[str, Any] = {
        key: Link(names.get(value.node_id, value.node_id), value.slot) if type(value) is Link else value
        for key, value in node.inputs.items()
    }
    return GraphNode(names[node.node_id], node.class_type, inputs, node.title)


_FOLDER: Final = Path(__file__).parent / "templates"


_FITTING: Final = ".cf-graph { max-width:100%;height:auto }"
"""A wide picture becomes as narrow as the window or the cell of a notebook that shows it."""


def svg_text(drawing: Drawing, theme: Theme = "auto") -> str:
    """A drawing as SVG. There is no script in it and nothing that it asks for."""
    return _render("picture.svg.jinja", drawing=drawing, style=f"{_FITTING}\n{style(theme)}")


def page_text(drawing: Drawing) -> str:
    """A drawing as a page that is one file: it pans, zooms, searches and highlights.

    Its policy allows the one script and the one style sheet that are in it, by their hashes, and no
    request.
    """
    return _render(
        "page.html.jinja",
        drawing=drawing,
        svg=_render("picture.svg.jinja", drawing=drawing, style=""),
        style=f"{(_FOLDER / 'page.css').read_text(encoding='utf-8')}\n{page_style()}",
        script=(_FOLDER / "page.js").read_text(encoding="utf-8"),
    )


def _render(name: str, **values: object) -> str:
    return template_environment(_FOLDER).get_template(name).render(values)


@cache
def template_environment(folder: Path) -> Environment:
    """The templates of a folder: what they are given is escaped; ``sha256`` makes a hash for a policy."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Any] = made.filters
    filters.update(pixels=_pixels, fitting=_fitting, bar=_bar, sha256=_sha256)
    return made


def _pixels(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _fitting(title: str, width: float) -> str:
    """The title of a group, in larger letters."""
    return shortened(title, (width - 20) * 0.65)


def _bar(box: tuple[float, float, float, float]) -> str:
    """The title bar, round where the node is."""
    left, top, width, _ = box
    return (
        f"M{_pixels(left)} {_pixels(top + 30)}v-22a8 8 0 0 1 8 -8h{_pixels(max(width - 16, 0))}"
        f"a8 8 0 0 1 8 8v22z"
    )


def _sha256(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
