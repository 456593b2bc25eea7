"""Photos that one command works on side by side."""

from __future__ import annotations

import threading
import time

import pytest

from gallery.faces.tagging import map_in_threads
from gallery.index import engine
from gallery.index.engine import threads_per_photo, work_side_by_side


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_results_come_in_the_order_of_the_items_whoever_is_done_first(at_once: int) -> None:
    def slow_for_the_first(number: int) -> int:
        time.sleep(0.02 if number % at_once == 0 else 0)
        return number * number

    found = list(map_in_threads(slow_for_the_first, range(23), at_once))
    assert found == [(number, number * number) for number in range(23)]


def test_as_many_are_worked_on_at_once_as_was_asked_for() -> None:
    all_there = threading.Barrier(3, timeout=20)
    assert len(list(map_in_threads(lambda _: all_there.wait(), range(9), 3))) == 9


def test_only_a_few_results_wait_for_a_slow_reader() -> None:
    begun: list[int] = []
    found = map_in_threads(begun.append, range(1000), 2)
    next(found)
    time.sleep(0.1)
    assert len(begun) <= 6


def test_a_mistake_reaches_the_reader_and_nothing_more_is_begun() -> None:
    begun: list[int] = []

    def fail(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        list(map_in_threads(fail, range(1000), 2))
    assert len(begun) < 20


def test_the_threads_of_a_photo_and_the_photos_at_once_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    monkeypatch.setattr(engine, "count_cores", lambda: 8)
    monkeypatch.setattr(engine, "_side_by_side", 0)
    settings.WORKER_PROCESSES = 4  # type: ignore[attr-defined]  # pytest-django's has every setting
    assert threads_per_photo() == 2
    assert [work_side_by_side(photos) for photos in (0, 1, 3, 100)] == [1, 1, 3, 8]
    assert threads_per_photo() == 1
    work_side_by_side(2)
    assert threads_per_photo() == 4
