"""People and their references: tended, embedded, imported and exported."""
