"""People as a table: a CSV file read, looked at line by line as an act on many, and taken in; and written."""

from gallery.services.roster.planning import by_kind, draft_import, settle
from gallery.services.roster.reading import MOST_BYTES
from gallery.services.roster.writing import lines

__all__ = ["MOST_BYTES", "by_kind", "draft_import", "lines", "settle"]
