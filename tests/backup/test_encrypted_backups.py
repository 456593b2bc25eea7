"""Backups for a key of age: what others can read of them, what is stored anew, what opens them, by hand too."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pyrage
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError

from facesite import env
from gallery.backup import database
from gallery.backup.create import make_backup
from gallery.backup.encryption import BackupLocked, decrypt_bytes, decrypt_file, encrypt_file, read_identities
from gallery.backup.errors import BackupDamaged, BackupError
from gallery.backup.layout import find_backup, list_backups
from gallery.backup.ledger import remove_old_notes, write_ledger
from gallery.backup.store import EncryptedStore
from gallery.backup.verification import set_aside_damaged_files, try_newest_backup, verify_backup
from gallery.core.erased import get_digest_key
from gallery.maintenance.sanity_check import find_file_problems, mend_files
from gallery.models import Erasure, Photo
from gallery.models.storage import remove_file, write_file
from gallery.people.services import create_person
from gallery.privacy.erasure import erase_person
from tests.making import a_photo
from tests.site import ROOT

pytestmark = pytest.mark.django_db(transaction=True)  # a transaction of the test's own would never end
KEY, OTHER = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
NAME = "Nguyễn Thị Minh"


@pytest.fixture
def place(settings: Any, own_data: Path, sent: list[Any]) -> Path:
    settings.INDEX_ROOT, settings.BACKUP_DIR = own_data / "index", own_data / "backups"
    settings.BACKUP_KEYS = [str(KEY.to_public())]
    return own_data / "backups"


def a_kept_photo(content: bytes) -> Photo:
    photo = a_photo(name=f"{NAME}.jpg")
    photo.sha256 = write_file(photo.file.name, content)
    photo.save()
    return photo


def stored(place: Path) -> list[Path]:
    return sorted(place.glob("files-*/??/*"))


def test_nothing_in_the_folder_tells_what_it_holds_to_who_has_no_key(place: Path) -> None:
    photo = a_kept_photo(b"of the photo" * 1000)
    create_person(None, NAME)
    erase_person(None, create_person(None, "Erased"))
    make_backup(place)
    remove_file(photo.file.name)
    make_backup(place)  # notes a lost file
    secrets = [
        NAME.encode(),
        NAME.split()[-1].encode(),
        b"of the photo",
        b'"receipt"',
        photo.file.name.encode(),
        b"SQLite",
    ]
    secrets += [photo.sha256.encode(), get_digest_key().encode()]
    files = [path for path in place.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        said = str(path).encode() + path.read_bytes()
        assert [secret for secret in secrets if secret in said] == [], path


AGE = """#!{python}
import sys
import pyrage
assert sys.argv[1:3] == ["--decrypt", "--identity"], sys.argv
with open(sys.argv[3]) as key:
    identity = pyrage.x25519.Identity.from_str(key.read().strip())
with open(sys.argv[4], "rb") as file:
    pyrage.decrypt_io(file, sys.stdout.buffer, [identity])
"""


@pytest.mark.skipif(
    not (shutil.which("jq") and shutil.which("sqlite3")), reason="needs the programs jq and sqlite3"
)
def test_it_is_read_by_hand_with_the_key_alone(place: Path, tmp_path: Path) -> None:
    """With the very lines of docs/reliability.md; where the program age is not installed, pyrage stands for it."""
    contents = [b"one" * 100_000, b"two", b""]
    photos = [a_kept_photo(content) for content in contents]
    create_person(None, NAME)
    folder, key, out = make_backup(place).folder, tmp_path / "key.txt", tmp_path / "by-hand"
    key.write_text(str(KEY))
    out.mkdir()
    programs = tmp_path / "programs"
    programs.mkdir()
    if not shutil.which("age"):
        (programs / "age").write_text(AGE.format(python=sys.executable))
        (programs / "age").chmod(0o755)
    lines = (
        (ROOT / "docs/reliability.md")
        .read_text()
        .partition("### By hand")[2]
        .split("```")[1]
        .removeprefix("sh")
    )
    environment = os.environ | {"KEY": str(key), "OUT": str(out), "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == f"{NAME}\n"
    assert [(out / f"media/{photo.file}").read_bytes() for photo in photos] == contents


def test_what_is_there_is_not_written_again_and_for_another_key_all_is(place: Path, settings: Any) -> None:
    a_kept_photo(b"old")
    make_backup(place)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in stored(place)}
    a_kept_photo(b"new")
    make_backup(place)
    after = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in stored(place)}
    assert len(after) == 2
    assert before.items() < after.items()
    settings.BACKUP_KEYS = sorted([str(OTHER.to_public()), str(KEY.to_public())])
    for key in (OTHER, KEY):  # either opens it
        made = make_backup(place, keep=1)
        assert try_newest_backup(place, [key]).database == "restored"
        assert len(list_backups(place)) == 1
    assert len(stored(place)) == 2, "what only the first key opens goes with the last backup for it"
    assert made.manifest.recipients == settings.BACKUP_KEYS


def test_a_key_that_is_added_leaves_old_backups_and_hides_the_ledger(
    place: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, settings.BACKUP_KEYS = settings.BACKUP_KEYS, []
    a_kept_photo(b"photo")
    make_backup(place)
    erase_person(None, create_person(None, "Erased"))
    receipt = Erasure.objects.get().receipt
    ledger = next(place.glob("erased/*"))
    assert {path.name for path in ledger.iterdir()} >= {"key", f"{receipt}.json"}
    settings.BACKUP_KEYS = keys
    call_command("backup")
    assert "which anybody can read: 1." in capsys.readouterr().err
    assert {path.name for path in ledger.iterdir()} == {"key.age", f"{receipt}.json.age", "recipients"}
    newest, oldest = list_backups(place)
    assert (newest.is_encrypted, oldest.is_encrypted) == (True, False)
    assert verify_backup(oldest).is_sound
    make_backup(place, keep=1)
    assert not list(place.glob("files/??/*"))


def test_an_erasure_is_noted_at_once_for_the_keys_of_today_and_forgotten_in_time(
    place: Path, settings: Any
) -> None:
    erase_person(None, create_person(None, "Erased"))
    erasure = Erasure.objects.get()
    note = next(place.glob(f"erased/*/{erasure.receipt}.json.age"))
    assert erasure.is_noted
    assert json.loads(decrypt_bytes(note, [KEY]))["receipt"] == str(erasure.receipt)
    settings.BACKUP_KEYS = [str(OTHER.to_public())]
    write_ledger(place, settings.BACKUP_KEYS)
    assert json.loads(decrypt_bytes(note, [OTHER]))["receipt"] == str(erasure.receipt)
    assert decrypt_bytes(note.with_name("key.age"), [OTHER]).decode() == get_digest_key()
    settings.ERASED_DAYS = 10
    Erasure.objects.update(at="2020-01-01T00:00:00Z")
    remove_old_notes()
    assert not note.exists()


def test_without_the_key_checksums_are_compared_and_it_is_said(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_kept_photo(b"photo")
    make_backup(place)
    found = try_newest_backup(place)
    assert (found.is_sound, found.is_open, found.files, found.database) == (True, False, 1, "")
    call_command("verify_backup")
    assert "what they hold could not be tried without the key" in capsys.readouterr().err
    path = stored(place)[0]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert verify_backup(find_backup(place)).damaged == [path.name]


@pytest.mark.parametrize("harm", ["cut", "changed", "exchanged", "gone"])
def test_a_harmed_file_is_found_set_aside_and_stored_anew(place: Path, harm: str) -> None:
    photo, other = a_kept_photo(b"photo" * 50_000), a_kept_photo(b"other" * 50_000)
    make_backup(place)
    entries = {entry.name: entry for entry in find_backup(place, [KEY]).entries()}
    path, its = (place / entries[f"media/{each.file}"].stored for each in (photo, other))
    content = path.read_bytes()
    path.unlink()
    if harm != "gone":
        harmed = {
            "cut": content[:-70_000],
            "changed": content[:90_000] + b"x" + content[90_001:],
            "exchanged": its.read_bytes(),
        }
        path.write_bytes(harmed[harm])
    found = try_newest_backup(place, [KEY])
    assert [*found.missing, *found.damaged] == [f"media/{photo.file}"]
    set_aside_damaged_files(place, found)
    make_backup(place, keep=1)
    assert try_newest_backup(place, [KEY]).is_sound
    assert try_newest_backup(place).is_sound
    assert len(stored(place)) == 2, "what was set aside goes when it has been stored anew"


@pytest.mark.parametrize("has_key", [True, False])
def test_a_file_on_a_bad_sector_is_damaged_and_other_errors_end_the_verification(
    place: Path, monkeypatch: pytest.MonkeyPatch, has_key: bool
) -> None:
    a_kept_photo(b"photo")
    make_backup(place)
    backup, [path] = find_backup(place, [KEY] if has_key else []), stored(place)
    opened = Path.open

    def fail_with(code: int) -> None:
        def open_badly(self: Path, *args: Any, **options: Any) -> Any:
            if self == path:
                raise OSError(code, "this cannot be read")
            return opened(self, *args, **options)

        monkeypatch.setattr(Path, "open", open_badly)

    fail_with(errno.EIO)
    assert verify_backup(backup).damaged_files == [path]
    fail_with(errno.EACCES)
    with pytest.raises(PermissionError):
        verify_backup(backup)


def test_a_database_that_does_not_agree_with_its_files_is_found(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, _kept = a_kept_photo(b"one"), a_kept_photo(b"two")
    put = EncryptedStore.put
    monkeypatch.setattr(EncryptedStore, "put", lambda store, source, expected: put(store, source, ""))
    Path(lost.file.path).write_bytes(b"changed")
    make_backup(place)
    assert try_newest_backup(place, [KEY]).is_sound, "the backup itself says that this file was altered"
    read = database.read_contents

    def forget_a_row(reader: Any) -> Any:
        reader.execute("INSERT INTO gallery_sitesetting VALUES ('x', '1', datetime('now'))")
        reader.execute(
            "UPDATE gallery_photo SET sha256 = 'else' WHERE id = (SELECT max(id) FROM gallery_photo)"
        )
        return read(reader)

    monkeypatch.setattr(database, "read_contents", forget_a_row)
    assert try_newest_backup(place, [KEY]).unmatched == [f"media/{_kept.file}"]


def test_a_missing_or_wrong_key_ends_in_a_sentence(place: Path, tmp_path: Path) -> None:
    a_kept_photo(b"photo")
    make_backup(place)
    with pytest.raises(CommandError, match=r"is encrypted. Give the file with its key: --identity FILE"):
        call_command("restore", str(place))
    path = tmp_path / "key.txt"
    path.write_text(f"# created: today\n{OTHER}\n")
    with pytest.raises(CommandError, match=r"does not open .* which was encrypted for age1"):
        call_command("restore", str(place), "--identity", str(path))
    with pytest.raises(BackupLocked):
        try_newest_backup(place, [OTHER])
    path.write_text(f"{OTHER}\n{KEY}\n")
    assert try_newest_backup(place, read_identities(path)).is_open
    path.write_text(str(KEY.to_public()))
    with pytest.raises(BackupError, match="holds no key of age"):
        read_identities(path)
    with pytest.raises(BackupError, match="cannot be read"):
        read_identities(tmp_path / "nowhere")


def test_a_key_with_a_slip_of_the_pen_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESITE_BACKUP_KEY", f"{KEY.to_public()}, {OTHER.to_public()}")
    assert len(env.age_recipients("FACESITE_BACKUP_KEY")) == 2
    for wrong in (f"{KEY.to_public()}"[:-1] + "b", str(KEY), "age1"):
        monkeypatch.setenv("FACESITE_BACKUP_KEY", wrong)
        with pytest.raises(ImproperlyConfigured, match="is no public key of age"):
            env.age_recipients("FACESITE_BACKUP_KEY")


def test_lost_files_come_back_from_encrypted_backups_with_the_key_only(place: Path) -> None:
    photo = a_kept_photo(b"photo")
    make_backup(place)
    remove_file(photo.file.name)
    for identities in ([], [OTHER]):
        found = find_file_problems()
        mend_files(found, identities)
        assert (found.locked, found.failed, found.restored) == ([photo.file], [], [])
    found = find_file_problems()
    mend_files(found, [KEY])
    assert found.restored == [photo.file]
    assert Path(photo.file.path).read_bytes() == b"photo"


def test_a_full_disk_is_said_as_such_and_no_database_is_left_in_the_open(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "large"
    source.write_bytes(b"x" * 10_000_000)
    with pytest.raises(OSError, match="No space left") as caught:
        encrypt_file(source, Path("/dev/full"), [str(KEY.to_public())])
    assert caught.value.errno == errno.ENOSPC
    a_kept_photo(b"photo")
    monkeypatch.setattr(
        "gallery.backup.create.encrypt_file", lambda *_: encrypt_file(source, Path("/dev/full"), [])
    )
    with pytest.raises(BackupError):
        make_backup(place)
    scratch = place.parent / "backing-up"
    assert [path.name for path in scratch.iterdir()] == [".lock"]


def test_there_must_be_room_to_try_the_database(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_backup(place)
    monkeypatch.setattr("gallery.backup.verification.SPARE_BYTES", 10**18)
    with pytest.raises(BackupError, match="There is no room to try the backup's database"):
        try_newest_backup(place, [KEY])


def test_large_files_are_encrypted_piece_by_piece(tmp_path: Path) -> None:
    pieces: list[int] = []

    class Counted(BytesIO):
        def write(self, piece: Any) -> int:
            pieces.append(len(piece))
            return len(piece)

    source = tmp_path / "large"
    source.write_bytes(bytes(3_000_000))
    encrypt_file(source, tmp_path / "large.age", [str(KEY.to_public())])
    decrypted = Counted()
    assert (
        decrypt_file(tmp_path / "large.age", decrypted, [KEY]) == hashlib.sha256(bytes(3_000_000)).hexdigest()
    )
    assert (sum(pieces), max(pieces) <= 65_536) == (3_000_000, True)


def test_a_damaged_list_of_stored_files_lets_nothing_be_removed(place: Path) -> None:
    a_kept_photo(b"photo")
    folder = make_backup(place).folder
    (folder / "files.sha256").write_text("")
    with pytest.raises(BackupDamaged, match="Delete its folder"):
        make_backup(place, keep=0)
    assert stored(place)
    shutil.rmtree(folder)
    assert try_newest_backup(place, [KEY]).is_sound, "the backup had been made nonetheless"
