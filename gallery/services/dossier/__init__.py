"""All that is known about one person, put together in one file for them."""

from gallery.services.dossier.writing import Written, write

__all__ = ["Written", "write"]
