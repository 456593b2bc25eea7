"""What is left of something erased once its rows are gone: cleared step by step, by whoever comes to it."""

from gallery.pipeline.erasing.run import finish, revive, waiting

__all__ = ["finish", "revive", "waiting"]
