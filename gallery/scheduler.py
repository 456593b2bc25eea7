"""Celery's scheduler, writing its own sign of life: not through the queue, where it would wait behind photos.

Each tick may write one, so a scheduler that hangs, as on a broker that is gone, falls silent.
"""

from __future__ import annotations

import time
from typing import Any

from celery.beat import PersistentScheduler


class Scheduler(PersistentScheduler):
    _said = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        wait: float = super().tick(*args, **kwargs)
        self._say_alive()
        return wait

    def _say_alive(self) -> None:
        from gallery import beats  # Django is set up by now

        if time.monotonic() - self._said >= beats.EVERY:
            self._said = time.monotonic()
            beats.tell("scheduler")

    def close(self) -> None:
        from gallery import beats

        super().close()
        beats.end()
