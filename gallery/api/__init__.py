"""The HTTP API: what other programs call with a key. It parses, permits, calls services and selectors, answers."""
