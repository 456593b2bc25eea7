"""Moments that are compared come from the database's clock, however wrong that of a host is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from gallery.models import SiteSetting, clock
from gallery.models.fields import MomentField

MINUTES = timedelta(minutes=2)
# The clock itself, a default that no caller leaves to it, and how long a process has run
ALLOWED = {"models/clock.py", "models/uploads.py", "maintenance/site_warnings.py"}


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The moments that a server two minutes ahead has given, as asked for."""
    given: list[datetime] = []

    def ask() -> datetime:
        given.append(datetime.now(UTC) + MINUTES)
        return given[-1]

    monkeypatch.setattr(clock, "_last", None)
    monkeypatch.setattr(clock, "get_database_time", ask)
    monkeypatch.setattr(connection, "vendor", "postgresql")
    return given


def test_a_host_whose_clock_is_wrong_uses_the_databases_and_seldom_asks(database: list[datetime]) -> None:
    for _ in range(5):
        assert abs(clock.get_site_time() - datetime.now(UTC) - MINUTES) < timedelta(seconds=1)
    assert len(database) == 1


def test_the_database_is_asked_again_at_once_when_the_hosts_clock_jumps(
    database: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.get_site_time()
    wrong = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setattr(clock.timezone, "now", lambda: wrong)
    assert abs(clock.get_site_time() - datetime.now(UTC) - MINUTES) < timedelta(seconds=1)
    assert len(database) == 2


@pytest.mark.django_db
def test_rows_are_dated_by_the_databases_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    there = datetime(2031, 5, 1, tzinfo=UTC)
    monkeypatch.setattr("gallery.models.fields.get_site_time", lambda: there)
    assert SiteSetting.objects.create(key="dated", value=1).changed_at == there
    assert SiteSetting.objects.get(key="dated").changed_at == there


def test_every_row_that_dates_itself_and_every_line_that_asks_the_time_uses_that_clock() -> None:
    fields = [field for model in apps.get_app_config("gallery").get_models() for field in model._meta.fields]
    own = [f for f in fields if getattr(f, "auto_now", False) or getattr(f, "auto_now_add", False)]
    assert own
    assert all(isinstance(field, MomentField) for field in own)
    root = Path(settings.BASE_DIR) / "gallery"
    asking = re.compile(r"timezone\.now\b|localdate\(\)|datetime\.now\(")
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "migrations" not in path.parts and asking.search(path.read_text())
    }
    assert found <= ALLOWED | {"admin/people.py", "backup/create.py"}  # names of files
