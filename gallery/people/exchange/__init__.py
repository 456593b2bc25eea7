"""A gallery as a directory: our own export, with everything in it, and those that clip-retrieval and AutoFaiss write.

::

    people/<name>/<number>.jpg          the references' pictures, a folder per person
    people.csv, references.csv          every column; lists and texts of JSON as JSON
    img_emb/ metadata/ knn.index infos.json ids.npy persons.npy
                                        the index of approved references, row by row, as AutoFaiss built it
    vectors/<embedder id>.npz           ids and vectors of every reference, the others' too"""

from gallery.people.exchange.clip_retrieval import import_clip_retrieval
from gallery.people.exchange.exporter import ExportResult, export_gallery
from gallery.people.exchange.importer import ImportResult, import_gallery, is_gallery_export

__all__ = [
    "ExportResult",
    "ImportResult",
    "export_gallery",
    "import_clip_retrieval",
    "import_gallery",
    "is_gallery_export",
]
