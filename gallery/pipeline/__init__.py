"""What the worker does to one photo, one reference, one build."""
