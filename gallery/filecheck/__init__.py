"""Do the files on the disk and the rows of the database belong together? And what to do where they do not."""

from gallery.filecheck.finding import Found, check
from gallery.filecheck.mending import QUARANTINE, mend
from gallery.filecheck.running import CHORE, is_due, run

__all__ = ["CHORE", "QUARANTINE", "Found", "check", "is_due", "mend", "run"]
