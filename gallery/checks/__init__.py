"""Start-up checks. They look at files and installed packages only: a web process loads no model."""

from gallery.checks import engines, security  # noqa: F401 -- importing them registers their checks
