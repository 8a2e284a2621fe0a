"""Workflows to be looked at: SVG, a page, PNG, Mermaid and Graphviz."""

from .difference import difference_picture as difference_picture
from .picture import Picture as Picture
from .theme import Theme as Theme
