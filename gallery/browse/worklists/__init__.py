"""What the pages on gallery health show."""

from gallery.browse.worklists.cases import Case, Place, Worklist, decided, one, worklist
from gallery.browse.worklists.kinds import LISTS, Kind, found_in, overview

__all__ = ["LISTS", "Case", "Kind", "Place", "Worklist", "decided", "found_in", "one", "overview", "worklist"]
