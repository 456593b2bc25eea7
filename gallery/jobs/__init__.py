"""Background jobs: leases on rows, dispatch to workers, heartbeats, and what the jobs page reads."""
