"""The site's own upkeep: the check of its files, and its metrics."""
