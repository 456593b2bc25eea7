"""Django's admin of the gallery; each area in a module of its own."""

# Importing them registers their models.
from gallery.admin import accounts, bulk, people, photos, records, references  # noqa: F401
