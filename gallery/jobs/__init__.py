"""Background work: leases on rows, what is sent to workers, heartbeats, and what the jobs page reads."""
