"""What is wrong with the site stands on Home of those who can mend it, with the remedy."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gallery.maintenance import site_look, site_warnings
from gallery.maintenance.site_look import (
    LOOK_SETTING,
    list_certified_hosts,
    look_at_site,
    read_certificate_end,
)
from gallery.models import Photo, Role, SiteSetting, Status, User, WorkerBeat
from recognition.draw import fonts
from tests.making import a_person, a_photo, a_user
from tests.pages import folded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sound(monkeypatch: pytest.MonkeyPatch, own_data: Path) -> None:
    """A site that has run for a while, with worker and scheduler and much room on its disk."""
    monkeypatch.setattr(site_warnings, "STARTED_AT", timezone.now() - timedelta(hours=1))
    room = shutil.disk_usage("/")._replace(total=10**12, free=10**11)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: room)
    now = timezone.now()
    for kind in ("worker", "scheduler"):
        WorkerBeat.objects.create(name=f"host:{kind}", kind=kind, started_at=now, seen_at=now)


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(a_user("Root", Role.ADMINISTRATOR))
    return client


def shown(client: Client) -> str:
    return folded(client.get("/"))  # type: ignore[arg-type]


def silence(kind: str) -> None:
    then = timezone.now() - timedelta(minutes=5)
    WorkerBeat.objects.filter(kind=kind).update(started_at=then, seen_at=then)


def a_long_queue() -> None:
    now = timezone.now()
    a_photo(started_at=now - timedelta(seconds=60), finished_at=now)
    for _ in range(120):
        a_photo(work=Status.QUEUED, queued_at=now)


def a_stuck_queue() -> None:
    a_photo(work=Status.QUEUED, queued_at=timezone.now() - timedelta(minutes=11))


def keep_look(**found: Any) -> None:
    SiteSetting.objects.create(key=LOOK_SETTING, value={"at": timezone.now().isoformat(), **found})


def ending_in(days: int) -> None:
    keep_look(certificates={"example.org": (timezone.now() + timedelta(days=days)).isoformat()})


TROUBLES = {
    "worker": (lambda: silence("worker"), "The worker host:worker has not been heard of", "Start the worker"),
    "no worker": (lambda: WorkerBeat.objects.all().delete(), "No worker is running", "Start the worker"),
    "scheduler": (
        lambda: silence("scheduler"),
        "The scheduler host:scheduler has not been heard of",
        "Start the scheduler",
    ),
    "long": (a_long_queue, "120 photos wait. 1 worker does 1 a minute", "FACESITE_WORKER_PROCESSES"),
    "stuck": (a_stuck_queue, "Photos wait, and no worker takes them up", "See whether the broker"),
    "font": (
        lambda: keep_look(scripts=["Hangul"]),
        "No font here can write some names (Hangul)",
        "fonts-noto-cjk",
    ),
    "ending": (lambda: ending_in(13), "The certificate of example.org is valid only until", "Renew it"),
    "expired": (lambda: ending_in(-1), "The certificate of example.org has expired", "Renew it"),
    "backup": (
        lambda: a_photo() and Photo.objects.update(added_at=timezone.now() - timedelta(days=30)),
        "There is no backup of this site yet",
        'href="/backups/"',
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_trouble_stands_on_home_with_its_remedy(
    client: Client, administrator: Client, trouble: str
) -> None:
    make, text, remedy = TROUBLES[trouble]
    assert text not in shown(administrator)
    make()  # type: ignore[no-untyped-call]
    page = shown(administrator)
    assert f"<b>{text}" in page
    assert remedy in page[page.index(text) :]
    client.force_login(a_user("Curator", Role.CURATOR))
    assert f"<b>{text}" not in shown(client), "only those who can mend it are told"


def test_a_nearly_full_disk_stands_on_home(administrator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    low = shutil.disk_usage("/")._replace(total=10**12, free=800_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: low)
    assert "is nearly full: 762.9 MB are free.</b> Make room there" in shown(administrator)


def test_home_of_a_sound_site_warns_of_nothing(administrator: Client) -> None:
    a_long_queue()
    SiteSetting.objects.create(key="is_paused", value=True)  # a curator's own decision
    ending_in(15)
    assert site_warnings.list_site_warnings(User.objects.get()) == []
    assert 'class="notice bad' not in shown(administrator)


def test_a_site_that_has_just_started_does_not_miss_its_worker_yet(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_warnings, "STARTED_AT", timezone.now())
    WorkerBeat.objects.all().delete()
    assert "No worker is running" not in shown(administrator)


def test_the_worker_finds_the_scripts_of_names_that_no_font_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_SYSTEM_FONTS", Path("/nowhere"))
    fonts.list_font_files.cache_clear()
    for name in ("Nguyễn Văn Tết", "Kim 김", "Σωκράτης", "สมชาย"):
        a_person(name)
    look_at_site()
    assert SiteSetting.objects.get(pk=LOOK_SETTING).value["scripts"] == ["Hangul", "Thai"]
    a_person("王")
    look_at_site()
    assert SiteSetting.objects.get(pk=LOOK_SETTING).value["scripts"] == ["Hangul", "Thai"], "not at each turn"


def test_only_the_sites_own_public_names_are_asked_for_their_certificate(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", ".example.net", "*", "photos.example.org"]
    settings.USE_HTTPS = False
    assert list_certified_hosts() == []
    settings.USE_HTTPS = True
    assert list_certified_hosts() == ["photos.example.org"]


@contextmanager
def tls_server(folder: Path, days: int) -> Iterator[int]:
    """The port of a server whose certificate lasts so long; it signed itself."""
    key, request, certificate = (str(folder / name) for name in ("key", "request", "certificate"))
    asking = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=a"
    for command in (
        f"{asking} -keyout {key} -out {request}",
        f"x509 -req -in {request} -signkey {key} -days {days} -out {certificate}",
    ):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                plain, _peer = listener.accept()
                with plain:
                    try:
                        context.wrap_socket(plain, server_side=True).close()
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@pytest.mark.skipif(not shutil.which("openssl"), reason="NOT TESTED: openssl is not installed here")
def test_a_certificate_is_read_as_visitors_get_it_also_once_it_has_ended(tmp_path: Path) -> None:
    with tls_server(tmp_path, 10) as port:
        end = read_certificate_end("127.0.0.1", port)
    assert end
    assert abs(datetime.fromisoformat(end) - timezone.now() - timedelta(days=10)) < timedelta(minutes=5)
    with tls_server(tmp_path, -1) as port:
        assert read_certificate_end("127.0.0.1", port) == ""
    assert read_certificate_end("127.0.0.1", port) is None, "nobody answers there any more"


def test_the_worker_keeps_what_pages_need_of_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_look, "list_certified_hosts", lambda: ["a.example", "b.example", "c.example"])
    ends = {"a.example": "2027-01-01T00:00:00+00:00", "b.example": "", "c.example": None}
    monkeypatch.setattr(site_look, "read_certificate_end", ends.__getitem__)
    look_at_site()
    kept = SiteSetting.objects.get(pk=LOOK_SETTING).value["certificates"]
    assert kept == {"a.example": ends["a.example"], "b.example": ""}
    assert [warning.text for warning in site_warnings.check_certificates()][-1].startswith(
        "The certificate of b.ex"
    )
