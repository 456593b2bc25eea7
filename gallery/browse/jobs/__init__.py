"""What the jobs page shows."""

from gallery.browse.jobs.page import Jobs, jobs
from gallery.browse.jobs.processes import Process, processes
from gallery.browse.jobs.times import History, history, minutes_left

__all__ = ["History", "Jobs", "Process", "history", "jobs", "minutes_left", "processes"]
