"""The site's files in a bucket: the promises of the folder hold there, too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from facesite.buckets import Bucket, describe_storages, find_bucket_problem
from gallery.core.erased import get_digest_key
from gallery.faces.processing import process_photo
from gallery.index.local_copies import drop_copy
from gallery.models import Photo, Status, User
from gallery.models.bucket import remove_old_copies
from gallery.models.storage import (
    INDEX_AREA,
    StorageAway,
    get_media_path,
    get_storage,
    remove_file,
    write_file,
)
from tests import buckets
from tests.buckets import NAME, PREFIX, Store
from tests.engines import FakeEngine
from tests.making_pictures import jpeg
from tests.privacy import remains
from tests.privacy.erasing_world import NAME as NAME_THERE
from tests.privacy.erasing_world import from_text
from tests.site import Site

pytestmark = [pytest.mark.servers, pytest.mark.django_db]
PHOTO = "photos/ab/abcd.jpg"
IN = "from tests.privacy import erasing_world as world\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    with buckets.a_store() as store:
        yield store


@pytest.fixture
def store(server: Store, settings: Any, own_data: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The site's storage for this test."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    settings.INDEX_ROOT = own_data / "index"
    settings.STORAGES = {**settings.STORAGES, **describe_storages(Bucket(NAME, PREFIX))}
    for key in server.contents():
        server.client.delete_object(Bucket=NAME, Key=key)
    return server


@pytest.fixture
def away(store: Store, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers where the store was."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    settings.STORAGES = {**settings.STORAGES}


def send(client: Client) -> str:
    answer = client.post("/upload/file", {"photos": SimpleUploadedFile("a.jpg", jpeg())})
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_a_file_is_kept_read_by_a_copy_listed_and_gone_with_its_copy(store: Store) -> None:
    write_file(PHOTO, b"content")
    assert store.contents() == {f"{PREFIX}/media/{PHOTO}": b"content"}
    copy = get_media_path(PHOTO)
    copy.unlink()
    assert get_media_path(PHOTO).read_bytes() == b"content"
    assert [(file.name, file.bytes) for file in get_storage().list_files("photos")] == [(PHOTO, 7)]
    assert not get_media_path("photos/ab/none.jpg").exists()
    remove_file(PHOTO)
    remove_file(PHOTO)
    assert (store.contents(), copy.exists()) == ({}, False)


def test_an_object_that_was_altered_is_never_read(store: Store) -> None:
    write_file(PHOTO, b"content")
    get_media_path(PHOTO).unlink()
    told = {"Bucket": NAME, "Key": f"{PREFIX}/media/{PHOTO}"}
    store.client.put_object(**told, Body=b"other", Metadata=store.client.head_object(**told)["Metadata"])
    with pytest.raises(OSError, match="checksum"):
        get_media_path(PHOTO)


def test_copies_are_bounded_by_when_they_were_read(tmp_path: Path) -> None:
    for name, read_at in (("old", 1), ("read", 3), ("middle", 2)):
        (tmp_path / name).write_bytes(b"12345")
        os.utime(tmp_path / name, (read_at, read_at))
    remove_old_copies(tmp_path, 10)
    assert {path.name for path in tmp_path.iterdir()} == {"read", "middle"}


def test_while_the_store_is_away_uploads_say_so_and_photos_wait(
    client: Client, bao: User, store: Store, fake: FakeEngine, request: pytest.FixtureRequest
) -> None:
    send(client)
    photo = Photo.objects.get()
    get_media_path(photo.file.name).unlink()
    request.getfixturevalue("away")
    assert "does not answer" in send(client)
    assert process_photo(photo.pk)
    photo.refresh_from_db()
    assert (photo.work, photo.failure_code, photo.attempts) == (Status.QUEUED, "storage_away", 0)
    with pytest.raises(StorageAway):
        get_storage().exists(PHOTO)


def test_an_original_is_streamed_or_by_a_short_address_after_the_permission_check(
    client: Client, bao: User, store: Store, settings: Any
) -> None:
    send(client)
    address = f"/photos/{Photo.objects.get().pk}/original"
    answer = client.get(address)
    assert b"".join(answer.streaming_content) == jpeg()  # type: ignore[attr-defined]
    assert answer["Content-Length"] == str(len(jpeg()))
    settings.S3_REDIRECT = True
    assert "X-Amz-Expires=60" in client.get(address)["Location"]
    client.logout()
    assert "Amz" not in client.get(address)["Location"]


def test_a_bucket_that_keeps_versions_is_refused(store: Store) -> None:
    assert find_bucket_problem(Bucket(NAME, PREFIX)) == ""
    store.client.create_bucket(Bucket="versioned")
    store.client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    assert "old versions" in find_bucket_problem(Bucket("versioned"))
    assert "cannot be used" in find_bucket_problem(Bucket("nowhere"))


def test_a_site_in_a_bucket_from_the_upload_to_the_erasure_leaves_nothing_there(
    store: Store, demo: tuple[Path, Path], tmp_path: Path
) -> None:
    site = Site(tmp_path / "site", **store.environment)
    site.ask(f"{IN}world.make({str(demo[0].parent)!r}); answer = 1")
    names = site.ask(
        "answer = list(Face.objects.exclude(person=None).values_list('person__name', flat=True))"
    )
    assert NAME_THERE in names
    needles = from_text(site.ask(f"{IN}answer = world.needles_of_person()"))
    assert found(store, needles)
    site.ask(f"{IN}world.erase_person_with_deaths(); answer = 1")
    assert (found(store, needles), remains.found_in(site.folder, needles)) == ([], [])
    pk = site.ask(f"{IN}answer = world.name_the_other()")
    needles = from_text(site.ask(f"{IN}answer = world.needles_of_photo({pk})"))
    assert found(store, needles)
    site.ask(f"{IN}world.erase_photo_with_deaths({pk}); answer = 1")
    assert (found(store, needles), remains.found_in(site.folder, needles)) == ([], [])
    assert any(key.startswith(f"{PREFIX}/index/") for key in store.contents()), "the build is in the bucket"
    assert site.json("check_files", "--hash")[0]["is_sound"]
    site.manage("backup", str(tmp_path / "kept"))
    other = Site(tmp_path / "other", **store.environment | {"FACESITE_STORAGE": f"s3://{NAME}/other"})
    other.manage("restore", str(tmp_path / "kept"))
    assert other.json("check_files", "--hash")[0]["is_sound"]
    crops = [key for key in store.contents() if key.startswith("other/media/references/")]
    assert len(crops) == site.ask("answer = Reference.objects.count()") > 0


def found(store: Store, needles: remains.Needles) -> list[str]:
    return [
        f"{label} in {key}"
        for key, content in store.contents().items()
        for label, needle in needles.items()
        if needle in key.encode() + content
    ]


def test_what_was_erased_is_known_by_one_key_on_every_host(
    store: Store, settings: Any, tmp_path: Path
) -> None:
    settings.STORAGE = Bucket(NAME, PREFIX)
    key = get_digest_key()
    settings.DATA_DIR, settings.CACHE_ROOT = tmp_path / "another", tmp_path / "another" / "cache"
    assert get_digest_key() == key


def test_a_copy_of_a_build_that_is_broken_here_is_fetched_anew(store: Store, settings: Any) -> None:
    settings.STORAGE = Bucket(NAME, PREFIX)
    storage, name = get_storage(INDEX_AREA), "an-embedder/1-abc"
    (storage.local_path(name)).mkdir(parents=True)
    (storage.local_path(name) / "knn.index").write_bytes(b"whole")
    storage.put_folder(name)
    (storage.local_path(name) / "knn.index").write_bytes(b"broken")
    drop_copy(name)
    assert (storage.fetch_folder(name) / "knn.index").read_bytes() == b"whole"
