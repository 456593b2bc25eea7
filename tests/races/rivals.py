"""Two acts at once, each in a thread with a connection of its own: the first stops in the middle, or before it
commits, until the second is through or waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from tests.servers import wait_for

Act = Callable[[], object]
SECONDS = 60
WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Outcome:
    """What became of an act."""

    result: object = None
    error: BaseException | None = None


class Rival(threading.Thread):
    """An act that stops until it may go on: in the `middle`, after its first lock or write; before its `end`; or else
    after the first statement with the words of `stops`."""

    def __init__(self, act: Act, *, stops: str = "") -> None:
        super().__init__(daemon=True)
        self.act, self.stops = act, stops
        self.outcome, self.number = Outcome(), 0  # the number of its connection
        self.is_there, self.may_go_on, self.is_done = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            connection.ensure_connection()
            if connection.vendor == "postgresql":
                self.number = connection.connection.info.backend_pid
            with connection.execute_wrapper(self._watch):
                if self.stops == "end":
                    with transaction.atomic():
                        self.outcome.result = self.act()
                        self._pause()
                else:
                    self.outcome.result = self.act()
        except BaseException as error:
            self.outcome.error = error
        finally:
            self.is_there.set()
            self.is_done.set()
            connection.close()

    def _watch(self, execute: Callable[..., Any], sql: str, *given: Any) -> Any:
        if not self.stops:  # SQLite's one writer at a time: whoever wants to write waits from here on
            self.is_there.set()
        done = execute(sql, *given)
        is_first = sql.lstrip().startswith(WRITES) or " FOR " in sql[-40:] or "BEGIN" in sql
        stops_here = is_first if self.stops == "middle" else self.stops and self.stops in sql
        if stops_here and not self.is_there.is_set():
            self._pause()
        return done

    def _pause(self) -> None:
        self.is_there.set()
        assert self.may_go_on.wait(SECONDS), "nobody let the first act go on"


def let_them_race(first: Act, second: Act, stops: str) -> tuple[Outcome, Outcome]:
    """What becomes of two acts, the second of which begins where the first stops."""
    one, two = Rival(first, stops=stops), Rival(second)
    one.start()
    assert one.is_there.wait(SECONDS)
    two.start()
    wait_for(lambda: two.is_done.is_set() or _is_waiting(two), "the second act")
    one.may_go_on.set()
    for rival in (one, two):
        rival.join(SECONDS)
        assert not rival.is_alive(), f"the two wait for each other: {one.outcome}, {two.outcome}"
    return one.outcome, two.outcome


def _is_waiting(rival: Rival) -> bool:
    """Whether it waits for what another holds."""
    if connection.vendor != "postgresql":
        return rival.is_there.is_set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %s",
            [rival.number],
        )
        return bool(cursor.fetchone()[0])
