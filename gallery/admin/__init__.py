"""What the admin shows; each area in a module of its own."""

# Importing them registers their models.
from gallery.admin import albums, bulk, faces, invitations, people, photos, records, references, users  # noqa: F401
