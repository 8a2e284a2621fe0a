"""Workflows to be looked at: SVG, a page, PNG, Mermaid and Graphviz."""

from .picture import Picture as Picture
from .picture import difference_picture as difference_picture
from .picture import known_classes as known_classes
from .theme import Theme as Theme
