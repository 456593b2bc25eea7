"""A gallery as a directory: ours, with everything in it, and those that clip-retrieval and AutoFaiss leave.

::

    people/<name>/<number>.jpg          the references' pictures, a folder per person
    people.csv, references.csv          every column; lists and texts of JSON as JSON
    img_emb/ metadata/ knn.index infos.json ids.npy persons.npy
                                        the index of approved references, row by row, as AutoFaiss built it
    vectors/<embedder id>.npz           ids and vectors of every reference, the others' too
"""

from gallery.pipeline.exchange.exporting import Exported, export_gallery
from gallery.pipeline.exchange.foreign import import_foreign
from gallery.pipeline.exchange.importing import Imported, import_gallery, is_ours

__all__ = ["Exported", "Imported", "export_gallery", "import_foreign", "import_gallery", "is_ours"]
