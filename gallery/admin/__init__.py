"""What the admin shows; each area in a module of its own."""

from gallery.admin import invitations, users  # noqa: F401 -- importing it registers its models
