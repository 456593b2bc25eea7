"""A week in an hour: a site as its owner runs it, used and broken from a seeded plan, and every promise checked."""
