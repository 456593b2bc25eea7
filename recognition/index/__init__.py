"""The index: AutoFaiss builds it, Faiss searches it, and a small delta keeps it fresh between builds.

``build`` writes a directory, ``Index.load`` opens one, ``LiveIndex`` searches it together with what has
changed since. ``ForeignGallery`` reads directories made by clip-retrieval. See ``policy.choose_index`` for
which kind of index is built.
"""

from recognition.index.as_autofaiss import AutofaissOptions
from recognition.index.builder import BuildCancelled, build, make_part
from recognition.index.files import BuildFigures, read_figures, remove_partials
from recognition.index.foreign import ForeignGallery, ForeignRow, PictureFinder
from recognition.index.live import LiveIndex
from recognition.index.on_spark import SparkOptions
from recognition.index.parts import Part
from recognition.index.policy import Choice, MeasuredIndex, Reason, choose_index, parse_memory
from recognition.index.searchable import Hits, SearchableIndex, StoredVectors
from recognition.index.searcher import Index, limit_threads

__all__ = [
    "AutofaissOptions",
    "BuildCancelled",
    "BuildFigures",
    "Choice",
    "ForeignGallery",
    "ForeignRow",
    "Hits",
    "Index",
    "LiveIndex",
    "MeasuredIndex",
    "Part",
    "PictureFinder",
    "Reason",
    "SearchableIndex",
    "SparkOptions",
    "StoredVectors",
    "build",
    "choose_index",
    "limit_threads",
    "make_part",
    "parse_memory",
    "read_figures",
    "remove_partials",
]
