"""Acts on many rows at once: looked at as a draft, started, done in parts, stopped, resumed, taken back as one.

Each part is one transaction with an event of its own that carries the act's `batch`. The act has one event, whose
undo takes back the events of its parts.
"""

from gallery.services.bulk.plan import draft, sizes
from gallery.services.bulk.running import must_be_as_shown, resume, run, start, stop
from gallery.services.bulk.undoing import own_event

__all__ = ["draft", "must_be_as_shown", "own_event", "resume", "run", "sizes", "start", "stop"]
