"""What was erased leaves every host: those that live are waited for, one that was away clears all at its return."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from gallery.core.exceptions import ActionRefused
from gallery.jobs.hosts import get_host_key, note_host, tend_host
from gallery.models import Build, Erasure, ErasureHost, Event, Host, Role, Status
from gallery.models.clock import get_site_time
from gallery.photos.renditions import photo_folder
from gallery.privacy.erasure import erase_photos
from gallery.privacy.erasure_cleanup import finish_erasure
from gallery.privacy.host_copies import remove_host
from gallery.privacy.selectors import build_receipt_document
from tests.making import a_photo, a_user

pytestmark = pytest.mark.django_db


class Machine:
    """A host with a data directory of its own; `act_as` lets this process be it."""

    def __init__(self, name: str, folder: Path, settings: Any) -> None:
        self.name, self.folder, self.settings = name, folder / name, settings
        self.act_as()
        note_host("web")

    def act_as(self) -> None:
        self.settings.HOST_NAME, self.settings.DATA_DIR = self.name, self.folder
        self.settings.CACHE_ROOT, self.settings.INDEX_ROOT = self.folder / "cache", self.folder / "index"

    def keep_rendition(self, sha256: str) -> Path:
        self.act_as()
        path = photo_folder(sha256) / "copy.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a copy")
        return path

    def leave(self) -> None:
        Host.objects.filter(name=self.name).update(seen_at=get_site_time() - timedelta(minutes=5))


@pytest.fixture
def two(own_data: Path, settings: Any, sent: list[Any]) -> tuple[Machine, Machine]:
    settings.BACKUP_DIR = own_data / "backups"
    return Machine("one", own_data, settings), Machine("two", own_data, settings)


def erase_at(machine: Machine) -> Erasure:
    admin = a_user("An admin", Role.ADMINISTRATOR)
    machine.act_as()
    return erase_photos(admin, [a_photo(sha256="ab" * 32)])


def finish_at(machine: Machine, erasure: Erasure) -> bool:
    machine.act_as()
    Erasure.objects.filter(pk=erasure.pk).update(queued_at=None)
    return finish_erasure(erasure.pk)


def test_an_erasure_is_complete_when_each_host_that_lives_has_cleared_its_copies(
    two: tuple[Machine, Machine],
) -> None:
    one, other = two
    copy, kept = other.keep_rendition("ab" * 32), other.keep_rendition("cd" * 32)
    erasure = erase_at(one)
    assert not finish_at(one, erasure)
    assert copy.exists()
    other.act_as()
    tend_host("web")
    assert not copy.exists()
    assert kept.exists()  # of what was not erased
    assert finish_at(one, erasure)
    document = build_receipt_document(Erasure.objects.get(pk=erasure.pk))
    assert [(each["name"], bool(each["cleared_at"])) for each in document["hosts"]] == [
        ("one", True),
        ("two", True),
    ]


def test_a_host_that_was_away_clears_all_copies_at_its_return_and_the_receipt_says_so_until_then(
    two: tuple[Machine, Machine], client: Client
) -> None:
    one, other = two
    copy, build = other.keep_rendition("ab" * 32), other.folder / "index" / "any" / "7-abc"
    build.mkdir(parents=True)
    erasure = erase_at(one)
    other.leave()
    assert not finish_at(one, erasure)
    assert Erasure.objects.get(pk=erasure.pk).todo == {}  # the database does not know any more what it was
    client.force_login(erasure_reader())
    page = client.get(f"/erasures/{erasure.receipt}/").content.decode()
    assert "not confirmed yet" in page
    other.act_as()
    tend_host("web")
    assert not copy.exists()
    assert not build.exists()
    assert finish_at(one, erasure)


def test_a_host_that_is_no_more_is_removed_by_an_administrator_and_nobody_waits_for_it(
    two: tuple[Machine, Machine],
) -> None:
    one, other = two
    copy, erasure = other.keep_rendition("ab" * 32), erase_at(one)
    gone, admin = Host.objects.get(name="two"), erasure_reader()
    with pytest.raises(ActionRefused):  # it lives
        remove_host(admin, gone)
    other.leave()
    with pytest.raises(ActionRefused):
        remove_host(a_user("A curator"), Host.objects.get(name="two"))
    remove_host(admin, Host.objects.get(name="two"))
    assert Event.objects.filter(verb="host.remove", summary={"name": "two"}).exists()
    assert finish_at(one, erasure)
    other.act_as()  # it was not destroyed after all
    tend_host("web")
    assert not copy.exists()


def test_the_jobs_page_shows_hosts_where_there_are_several(
    two: tuple[Machine, Machine], curator: Client
) -> None:
    _one, other = two
    other.act_as()
    note_host("worker", problem="The store is away.")
    other.leave()
    page = curator.get("/jobs/").content.decode()
    assert "The store is away." in page
    assert "Away" in page
    assert "It is no more" not in page  # for administrators
    Host.objects.filter(name="two").delete()
    assert "Hosts" not in curator.get("/jobs/").content.decode()


def test_a_build_that_is_being_made_and_those_that_are_kept_are_no_stale_copies(
    two: tuple[Machine, Machine],
) -> None:
    one, _other = two
    made = Build.objects.create(embedder_id="e", work=Status.PROCESSING)
    kept = Build.objects.create(embedder_id="e", work=Status.DONE, directory="e/900-x")
    for name in (f"{made.pk}-y", "900-x", "901-z"):
        (one.folder / "index" / "e" / name).mkdir(parents=True)
    one.act_as()
    ErasureHost.objects.create(
        erasure=Erasure.objects.create(kind="photo", todo={"photos": []}), host=Host.objects.get(name="one")
    )
    tend_host("worker")
    left = {path.name for path in (one.folder / "index" / "e").iterdir()}
    assert left == {f"{made.pk}-y", kept.directory.removeprefix("e/")}


def test_a_host_is_known_by_its_data_directory_whatever_its_name(two: tuple[Machine, Machine]) -> None:
    one, _other = two
    one.act_as()
    key = get_host_key()
    one.settings.HOST_NAME = "renamed"
    note_host("worker")
    assert Host.objects.get(key=key).name == "renamed"
    assert Host.objects.count() == 2


def erasure_reader() -> Any:
    return a_user("A reader of receipts", Role.ADMINISTRATOR)
