"""A large file arrives in parts: from the byte it had, once, and whole or not at all."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from gallery.models import PartialUpload, Photo, Role, User
from gallery.photos.partial_uploads import KEPT_OF_A_USER, forget_partial_uploads
from tests.making import a_user
from tests.making_pictures import jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_data", "sent", "bao")]
CONTENT = jpeg(50, (640, 480))
HALF = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def temporary(settings: Any, tmp_path: Path) -> Path:
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    return tmp_path / "partial"


def begin(client: Client, size: int = len(CONTENT), name: str = "group.jpg", modified: int = 7) -> Any:
    return client.post("/upload/begin", {"name": name, "size": size, "modified": modified})


def send(client: Client, upload: int, offset: int, content: bytes, checksum: int | None = None) -> Any:
    fields = {"offset": offset, "checksum": zlib.crc32(content) if checksum is None else checksum}
    return client.post("/upload/part", {"upload": upload, **fields, "part": SimpleUploadedFile("p", content)})


def finish(client: Client, upload: int) -> list[Any]:
    answer: Any = client.post("/upload/file", {"upload": upload})
    assert answer.status_code == 200, answer.content
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_a_file_goes_on_from_the_byte_it_had_and_becomes_one_photo(client: Client, temporary: Path) -> None:
    upload = begin(client).json()["upload"]
    assert send(client, upload, 0, CONTENT[:HALF]).json() == {"arrived": HALF}
    page = client.get("/upload/").content.decode()
    assert "group.jpg" in page
    assert "49 %" in page or "50 %" in page
    assert begin(client).json() == {"upload": upload, "arrived": HALF}  # on another day, from another address
    assert send(client, upload, HALF, CONTENT[HALF:]).json() == {"arrived": len(CONTENT)}
    assert [result["kind"] for result in finish(client, upload)] == ["added"]
    assert Photo.objects.get().name == "group.jpg"
    with Photo.objects.get().file.open() as kept:
        assert kept.read() == CONTENT
    assert not PartialUpload.objects.exists()
    assert not list(temporary.iterdir())


def test_a_part_that_is_damaged_misplaced_or_too_long_changes_nothing(client: Client) -> None:
    upload = begin(client).json()["upload"]
    send(client, upload, 0, CONTENT[:HALF])
    for refused in (
        send(client, upload, HALF, CONTENT[HALF:], checksum=1),
        send(client, upload, 0, CONTENT[:HALF]),  # whose answer was lost on its way
        send(client, upload, HALF + 1, CONTENT[HALF + 1 :]),
        send(client, upload, HALF, CONTENT[HALF:] + b"more"),
    ):
        assert (refused.status_code, refused.json()["arrived"]) == (409, HALF)
    early = client.post("/upload/file", {"upload": upload})
    assert (early.status_code, early.json()["arrived"]) == (409, HALF)
    assert not Photo.objects.exists()


def test_what_a_killed_process_wrote_beyond_what_it_promised_is_written_over(
    client: Client, temporary: Path
) -> None:
    upload = begin(client).json()["upload"]
    send(client, upload, 0, CONTENT[:HALF])
    with (temporary / str(upload)).open("ab") as file:
        file.write(b"\0" * 99)
    send(client, upload, HALF, CONTENT[HALF:])
    assert finish(client, upload)[0]["kind"] == "added"


def test_where_what_arrived_is_gone_from_the_disk_it_begins_anew(client: Client, temporary: Path) -> None:
    upload = begin(client).json()["upload"]
    send(client, upload, 0, CONTENT[:HALF])
    (temporary / str(upload)).unlink()
    lost = send(client, upload, HALF, CONTENT[HALF:])
    assert (lost.status_code, lost.json()["arrived"]) == (409, 0)
    assert send(client, upload, 0, CONTENT).json() == {"arrived": len(CONTENT)}


def test_a_file_that_the_site_could_not_take_just_now_stays_arrived(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    upload = begin(client).json()["upload"]
    send(client, upload, 0, CONTENT)
    with monkeypatch.context() as full:
        full.setattr("gallery.web.upload.add_photo", fail)
        assert finish(client, upload)[0]["kind"] == "failed"
    assert finish(client, upload)[0]["kind"] == "added"


def test_nobody_else_can_go_on_with_a_file_take_it_or_discard_it(client: Client) -> None:
    upload = begin(client).json()["upload"]
    send(client, upload, 0, CONTENT)
    other = Client()
    other.force_login(a_user("An", Role.ADMINISTRATOR))
    assert send(other, upload, 0, CONTENT).status_code == 410
    assert finish(other, upload) == []
    other.post("/upload/discard", {"upload": upload})
    assert PartialUpload.objects.filter(pk=upload).exists()
    assert "group.jpg" not in other.get("/upload/").content.decode()
    client.post("/upload/discard", {"upload": upload})
    assert not PartialUpload.objects.exists()


def test_sizes_and_quotas_are_judged_before_the_first_byte(client: Client, settings: Any) -> None:
    settings.UPLOAD_REQUEST_MAX_MB = 1
    for size in (0, 1_000_001):
        refused = begin(client, size)
        assert refused.status_code == 422
        assert "1 MB" in refused.json()["error"]
    settings.UPLOADS_PER_HOUR = 0
    refused = begin(client)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) >= 60
    assert not PartialUpload.objects.exists()


def test_files_nobody_goes_on_with_are_removed_and_only_so_many_are_kept(
    client: Client, temporary: Path, bao: User
) -> None:
    old = begin(client).json()["upload"]
    send(client, old, 0, CONTENT[:HALF])
    PartialUpload.objects.update(touched_at=timezone.now() - timedelta(days=4))
    (temporary / "99999").write_bytes(b"of a user who is gone")  # a row's cascade leaves the file
    new = begin(client, name="new.jpg").json()["upload"]
    send(client, new, 0, CONTENT[:HALF])
    assert forget_partial_uploads() == 2
    assert [path.name for path in temporary.iterdir()] == [str(new)]
    for number in range(KEPT_OF_A_USER + 3):
        begin(client, modified=number)
    assert PartialUpload.objects.filter(user=bao).count() == KEPT_OF_A_USER


def test_where_the_folder_is_gone_it_is_made_again(client: Client, temporary: Path) -> None:
    upload = begin(client).json()["upload"]
    temporary.rmdir()
    assert send(client, upload, 0, CONTENT[:HALF]).json() == {"arrived": HALF}


def test_a_name_with_signs_that_no_database_takes_is_cleaned(client: Client) -> None:
    assert begin(client, name="a\0\x07.jpg").json() == begin(client, name="a.jpg").json()
