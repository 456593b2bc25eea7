"""What the pages on gallery health show."""

from gallery.browse.worklists.cases import Case, Place, Worklist, decided, one, worklist
from gallery.browse.worklists.kinds import LISTS, Kind, overview

__all__ = ["LISTS", "Case", "Kind", "Place", "Worklist", "decided", "one", "overview", "worklist"]
