"""Celery's scheduler with a heartbeat of its own, which does not wait in the queue behind photos.

When the computer's clock jumps, it starts counting anew."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.beat import PersistentScheduler

log = logging.getLogger(__name__)
CLOCK_JUMP_SECONDS = 5.0  # seconds by which the two clocks may come to differ between two ticks


class HeartbeatScheduler(PersistentScheduler):
    _said = float("-inf")
    _ahead: float | None = None  # how far the computer's clock is ahead of the one that never jumps

    def setup_schedule(self) -> None:
        super().setup_schedule()
        for entry in self.schedule.values():
            if entry.last_run_at is None or entry.last_run_at > entry.default_now():
                entry.last_run_at = entry.default_now()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        self._watch_clock()
        wait: float = super().tick(*args, **kwargs)
        self._say_alive()
        return wait

    def _watch_clock(self) -> None:
        ahead = time.time() - time.monotonic()
        if self._ahead is not None and abs(ahead - self._ahead) > CLOCK_JUMP_SECONDS:
            log.warning("The clock has jumped by %.0f seconds.", ahead - self._ahead)
            self._start_anew()
        self._ahead = ahead

    def _start_anew(self) -> None:
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now()
        self._heap = None  # filled again at the next tick

    def _say_alive(self) -> None:
        from gallery.jobs.heartbeats import (
            HEARTBEAT_SECONDS,  # Django is set up by now
            try_heartbeat,
        )

        if time.monotonic() - self._said >= HEARTBEAT_SECONDS:
            self._said = time.monotonic()
            try_heartbeat("scheduler")

    def close(self) -> None:
        from gallery.jobs.heartbeats import stop_heartbeats

        super().close()
        stop_heartbeats()
