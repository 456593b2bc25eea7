"""Find faces in photos, embed them, and search a gallery: a plain library that knows no Django."""
