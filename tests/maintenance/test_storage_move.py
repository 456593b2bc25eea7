"""A site's files move into a bucket and back. Killed at any step, none is lost; what is erased is in neither."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from facesite.buckets import Bucket, describe_storages
from gallery.maintenance import storage_move
from gallery.maintenance.storage_move import FOLDERS, MoveRefused, move_storage
from gallery.models import Photo, SiteSetting
from gallery.models.storage import FolderStorage, get_storage, write_file
from gallery.privacy.erasure import erase_photos
from gallery.privacy.erasure_cleanup import finish_erasure
from tests import buckets
from tests.buckets import NAME, PREFIX, Store
from tests.making import a_photo, a_user

pytestmark = [pytest.mark.servers, pytest.mark.django_db]
BUCKET = Bucket(NAME, PREFIX)
FILES = {f"photos/ab/{number}.jpg": f"content {number}".encode() for number in range(3)}


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with buckets.a_store() as store:
        yield store


@pytest.fixture
def store(server: Store, settings: Any, own_data: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store, and a site with three files in its folder."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    settings.INDEX_ROOT = own_data / "index"
    for key in server.contents():
        server.client.delete_object(Bucket=NAME, Key=key)
    for name, content in FILES.items():
        write_file(name, content)
    return server


def move(target: str = str(BUCKET)) -> storage_move.MoveResult:
    return move_storage(target, lambda *_: None)


def use(settings: Any, bucket: Bucket | None) -> None:
    """The site is started with another place."""
    settings.STORAGE = bucket
    settings.STORAGES = {**settings.STORAGES, **describe_storages(bucket)}


def in_bucket(store: Store) -> dict[str, bytes]:
    start = f"{PREFIX}/media/"
    return {
        key.removeprefix(start): content for key, content in store.contents().items() if key.startswith(start)
    }


def in_folder(own_data: Path) -> dict[str, bytes]:
    root = own_data / "media"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_files_move_there_while_the_site_runs_and_back(store: Store, settings: Any, own_data: Path) -> None:
    first = move()
    assert (first.copied, first.is_complete, in_bucket(store)) == (3, False, FILES)
    write_file("photos/ab/later.jpg", b"came meanwhile")
    use(settings, BUCKET)
    last = move()
    everything = FILES | {"photos/ab/later.jpg": b"came meanwhile"}
    assert (last.copied, last.removed, last.is_complete) == (1, 4, True)
    assert (in_bucket(store), in_folder(own_data)) == (everything, {})
    with pytest.raises(MoveRefused, match="already"):
        move()
    move(FOLDERS)
    use(settings, None)
    assert move(FOLDERS).is_complete
    assert (in_bucket(store), in_folder(own_data)) == ({}, everything)


STEPS: list[tuple[object, str]] = [
    (storage_move, "receive_file"),
    (storage_move, "is_same_file"),
    (storage_move, "remove_moved_file"),
    (storage_move, "requeue_rows_without_file"),
    (FolderStorage, "delete"),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("place", STEPS, ids=lambda place: place[1])
def test_a_move_killed_at_any_step_loses_nothing_and_goes_on(
    store: Store, settings: Any, own_data: Path, place: tuple[object, str], after: bool
) -> None:
    SiteSetting.objects.create(
        pk=storage_move.MOVE_SETTING, value={"source": FOLDERS, "target": str(BUCKET)}
    )  # a child that dies takes no part in the test's transaction
    use(settings, BUCKET)
    assert die_at(move, *place, after=after)
    assert {**in_folder(own_data), **in_bucket(store)} == FILES
    assert move().is_complete
    assert (in_bucket(store), in_folder(own_data)) == (FILES, {})


def die_at(work: Callable[[], object], owner: object, name: str, *, after: bool) -> bool:
    """Do the work in a child that kills itself the second time it comes there, or the first if that is the last."""
    child, real, calls = os.fork(), getattr(owner, name), []
    if child:
        return os.waitpid(child, 0)[1] == signal.SIGKILL
    try:

        def die(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            is_time = len(calls) == 2 or name == "requeue_rows_without_file"
            if is_time and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            done = real(*arguments, **options)
            if is_time:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        with mock.patch.object(owner, name, die):
            work()
    finally:
        os._exit(0)


def test_what_is_erased_while_it_moves_is_in_neither_place(
    store: Store, settings: Any, own_data: Path
) -> None:
    photo = a_photo(file="photos/ab/1.jpg", sha256="ab")
    move()
    assert finish_erasure(erase_photos(a_user(), [photo]).pk)
    left = {name: content for name, content in FILES.items() if name != "photos/ab/1.jpg"}
    assert (in_bucket(store), in_folder(own_data)) == (left, left)
    assert not Photo.objects.exists()


def test_a_file_that_came_to_the_old_place_last_stays_until_it_is_copied(
    store: Store, settings: Any, own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move()
    use(settings, BUCKET)
    real = storage_move.requeue_rows_without_file

    def write_late() -> None:
        (own_data / "media/photos/ab/late.jpg").write_bytes(b"late")
        real()

    with monkeypatch.context() as patch:
        patch.setattr(storage_move, "requeue_rows_without_file", write_late)
        assert not move().is_complete
    assert in_folder(own_data) == {"photos/ab/late.jpg": b"late"}
    assert move().is_complete
    assert get_storage().exists("photos/ab/late.jpg")
