"""Graphs as Python that people would have written, proven to give the same graph."""

from .annotation import Annotations as Annotations
from .annotation import Note as Note
from .proof import prove as prove
from .source import to_python as to_python
