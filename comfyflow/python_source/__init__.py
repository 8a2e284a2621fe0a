"""Graphs as Python that people would have written, proven to give the same graph."""

from .annotation import Annotations as Annotations
from .annotation import CanvasGroup as CanvasGroup
from .annotation import CanvasNote as CanvasNote
from .annotation import read_annotations as read_annotations
from .proof import prove as prove
from .source import to_python as to_python
