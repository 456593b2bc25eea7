"""The index: AutoFaiss builds it, Faiss searches it, and a small delta keeps it fresh between builds.

``build`` writes a directory, ``Index.load`` opens one, ``LiveIndex`` searches it together with what has
changed since. ``read_foreign`` reads directories made by clip-retrieval. See ``policy.choose`` for which
kind of index is built.
"""

from .builder import BuildCancelled, build, part_of
from .files import BuildFigures, read_figures, remove_partials
from .foreign import ForeignGallery, read_foreign
from .live import LiveIndex
from .parts import Part
from .policy import Choice, Measured, Reason, choose, parse_memory
from .stored import Index
from .threads import limit_threads

__all__ = [
    "BuildCancelled",
    "BuildFigures",
    "Choice",
    "ForeignGallery",
    "Index",
    "LiveIndex",
    "Measured",
    "Part",
    "Reason",
    "build",
    "choose",
    "limit_threads",
    "parse_memory",
    "part_of",
    "read_figures",
    "read_foreign",
    "remove_partials",
]
