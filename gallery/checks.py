"""Start-up checks. They look at files and installed packages only: a web process loads no model."""
