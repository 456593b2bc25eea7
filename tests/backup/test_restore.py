"""Backup of a running site and restore into an empty one, by real processes, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest

from tests.conftest import COMBINATIONS
from tests.servers import wait_for
from tests.site import ROOT, Site, stop_group

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SQLITE = pytest.mark.parametrize("site", COMBINATIONS[:1], indirect=True, scope="module")
POSTGRES = pytest.mark.parametrize("site", COMBINATIONS[1:], indirect=True, scope="module")
STEPS = ("switch:0", "switch:1", "switch:2")  # on SQLite, test_backup_faults.py has every step
COUNTS = "answer = [Photo.objects.count(), Person.objects.count(), Reference.objects.count(), Face.objects.count()]"
TABLES = "from django.db import connection\nanswer = bool(connection.introspection.table_names())"
NAMES = (
    "answer = [[f.photo.name, f.person and f.person.name, f.state, f.decision]"
    " for f in Face.objects.order_by('pk').select_related('person', 'photo')]"
)

# A site at work: photos come, and some go for good, as fast as the disk allows.
BUSY = """
import io, random
from PIL import Image
from gallery.models.storage import remove_file
from gallery.models import Photo
from gallery.photos.services import add_photo
chance, kept = random.Random(7), []
for number in range(10_000):
    file = io.BytesIO()
    Image.new("RGB", (48, 48), (number % 251, number // 251, 9)).save(file, "PNG")
    kept.append(add_photo(None, [file.getvalue()], f"busy-{number}.png").photo)
    if chance.random() < 0.6:
        photo = kept.pop(chance.randrange(len(kept)))
        photo.delete()
        remove_file(photo.file.name)
"""

# `restore` in a process that kills itself when it comes to a step
DYING = """
import os, signal, sys
from pathlib import Path
from gallery.backup.restore import restore_backup
step = {step!r}
def progress(name, done, total):
    if step in (name, f"{{name}}:{{done}}"):
        os.kill(os.getpid(), signal.SIGKILL)
restore_backup(Path({source!r}), progress=progress)
"""


@pytest.fixture(scope="module")
def filled(site: Site, demo: tuple[Path, Path]) -> Site:
    """The demonstration's people and photo, named; one face decided on by a person."""
    people, photos = demo
    site.manage("import_people", str(people))
    site.manage("build_index")
    site.manage("import_photos", str(photos), "--album", "Portraits")
    site.ask(
        "from gallery.faces.processing import process_photo\n"
        "answer = [process_photo(photo.pk) for photo in Photo.objects.all()]"
    )
    site.ask("answer = Face.objects.filter(person__name='Barack Obama').update(decision='confirmed')")
    return site


def _address(site: Site, name: str) -> dict[str, str]:
    """Settings of another site on the same servers, with an empty database of its own."""
    url = site.environment.get("DATABASE_URL")
    if not url:
        return {}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")  # type: ignore[arg-type]  # a name of ours
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return {"DATABASE_URL": url.rpartition("/")[0] + f"/{name}"}


class Bare(Site):
    """An installation on which no command was ever run."""

    def prepare(self) -> None:
        pass


def another(site: Site, folder: Path, name: str = "other") -> Site:
    return Bare(folder, **_address(site, name))


def named(site: Site, photos: Path) -> list[Any]:
    lines = site.json("tag", str(photos))
    return [
        [face["name"], face["similarity"], face["candidates"]] for line in lines for face in line["faces"]
    ]


@pytest.fixture(scope="module")
def place(filled: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the filled site is backed up."""
    folder = tmp_path_factory.mktemp("backups")
    made = filled.json("backup", str(folder))[0]
    assert (made["counts"]["photos"], made["missing"], made["has_index"]) == (1, [], False)
    return folder


def test_a_restored_site_gives_the_same_answers(
    filled: Site, place: Path, demo: tuple[Path, Path], tmp_path: Path
) -> None:
    other = another(filled, tmp_path / "other")
    done = other.json("restore", str(place))[0]
    assert done["erased_since"] == []
    assert done["builds"], "the index was not in the backup, so it should have been asked for"
    assert other.ask(COUNTS) == filled.ask(COUNTS)
    assert other.ask(NAMES) == filled.ask(NAMES)
    before = named(filled, demo[1])
    assert any(name == "Barack Obama" for name, *_ in before)
    assert named(other, demo[1]) == before


@SQLITE
def test_with_the_index_nothing_needs_to_be_built(filled: Site, tmp_path: Path) -> None:
    made = filled.json("backup", str(tmp_path / "backups"), "--with-index")[0]
    assert made["has_index"]
    other = another(filled, tmp_path / "other")
    assert other.json("restore", made["folder"])[0]["builds"] == []
    assert other.json("verify_index")[0]["is_sound"]


def test_a_site_that_is_not_empty_is_left_alone_unless_told(
    filled: Site, place: Path, tmp_path: Path
) -> None:
    other = another(filled, tmp_path / "other")
    Site(other.folder, **_address(filled, "other"))  # prepared, as set-up does
    other.ask("for name in ('Somebody', 'Anybody'): p = Person(); p.set_name(name); p.save()\nanswer = 1")
    other.manage("erase_person", "Anybody", "--yes")
    other.manage("restore", str(place), is_checked=False)
    assert other.ask(COUNTS) == [0, 1, 0, 0]
    receipts = other.ask(
        "from gallery.models import Erasure\nanswer = [str(e.receipt) for e in Erasure.objects.all()]"
    )
    done = other.json("restore", str(place), "--replace")[0]
    assert other.ask(COUNTS) == filled.ask(COUNTS)
    assert [(erased["kind"], erased["receipt"]) for erased in done["erased_since"]] == [("person", *receipts)]
    done = other.json("restore", done["before"], "--replace")[0]
    assert done["erased_since"] == []
    assert other.ask("answer = [p.name for p in Person.objects.all()]") == ["Somebody"]


@SQLITE
def test_nothing_is_replaced_under_a_site_that_runs(filled: Site, place: Path, tmp_path: Path) -> None:
    """Its connection may be at rest: what it writes later would go into the file that is gone."""
    other = Site(tmp_path / "other")
    other.ask("p = Person(); p.set_name('Somebody'); p.save(); answer = 1")
    with closing(sqlite3.connect(other.folder / "facesite.sqlite3")) as site:
        site.execute("PRAGMA journal_mode=WAL")
        assert site.execute("SELECT count(*) FROM gallery_person").fetchone() == (1,)
        other.manage("restore", str(place), "--replace", is_checked=False)
        site.execute("UPDATE gallery_person SET note = 'written later'")
        site.commit()
    assert other.ask("answer = [p.note for p in Person.objects.all()]") == ["written later"]
    other.json("restore", str(place), "--replace")
    assert other.ask(COUNTS) == filled.ask(COUNTS)


@SQLITE
def test_a_damaged_backup_is_not_restored_unless_told(filled: Site, place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    photo = filled.ask("answer = Photo.objects.get().sha256")
    (copy / "files" / photo[:2] / photo).write_bytes(b"rotten")
    other = another(filled, tmp_path / "other")
    other.manage("restore", str(copy), is_checked=False)
    assert not other.ask(TABLES)
    assert filled.json("backup", str(copy), "--verify", is_checked=False)[0]["damaged"]["count"] == 1
    done = other.json("restore", str(copy), "--without-damaged")[0]
    assert len(done["left_out"]) == 1
    assert other.ask(COUNTS) == filled.ask(COUNTS)


@contextmanager
def busy(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-v0", "--no-imports", "-c", BUSY],
        cwd=ROOT,
        env=site.environment,
        start_new_session=True,
    )
    try:
        wait_for(lambda: site.ask("answer = Photo.objects.count()") > 5, "the first photos")
        yield child
    finally:
        stop_group(child)


def test_backups_of_a_site_that_takes_and_removes_photos_have_every_file(
    filled: Site, tmp_path: Path
) -> None:
    site = Site(tmp_path / "busy", **_address(filled, "busy"))
    place = tmp_path / "backups"
    with busy(site) as child:
        made = site.json("backup", str(place))
        more = f"answer = Photo.objects.count() > {made[0]['counts']['photos']} + 5"
        wait_for(lambda: site.ask(more), "photos that came after the first backup", 120)
        made += site.json("backup", str(place))
        assert child.poll() is None
    assert [each["missing"] for each in made] == [[], []]
    for each in made:
        listed = Path(each["folder"], "files.jsonl").read_text().splitlines()
        assert len({json.loads(line)["name"] for line in listed}) == each["counts"]["photos"]
    other = another(filled, tmp_path / "other", "other")
    other.manage("restore", made[-1]["folder"])
    missing = (
        "from gallery.models.storage import get_media_path\n"
        "answer = [p.file.name for p in Photo.objects.all() if not get_media_path(p.file.name).is_file()]"
    )
    assert other.ask(missing) == []
    assert other.ask("answer = Photo.objects.count()") == made[-1]["counts"]["photos"]


def test_an_encrypted_backup_is_tried_and_restored_with_its_key_and_without_who_was_erased_since(
    filled: Site, tmp_path: Path
) -> None:
    place, key, identity = tmp_path / "backups", tmp_path / "key.txt", pyrage.x25519.Identity.generate()
    key.write_text(f"{identity}\n")
    encrypted = {"FACESITE_BACKUP_KEY": str(identity.to_public()), "FACESITE_BACKUP_DIR": str(place)}
    plain, filled.environment = filled.environment, filled.environment | encrypted
    try:
        filled.ask("p = Person(); p.set_name('Somebody'); p.save()\nanswer = 1")
        filled.manage("backup")
        receipt = filled.json("erase_person", "Somebody", "--yes")[0]["receipt"]
        tried = filled.json("verify_backup", "--identity", str(key))[0]
        assert (tried["is_sound"], tried["database"], tried["files"]) == (True, "restored", 4)
        assert not filled.json("verify_backup")[0]["is_open"]
        assert [path.name for path in (filled.folder / "verifying").iterdir()] == [".lock"]
    finally:
        filled.environment = plain
    other = another(filled, tmp_path / "other")
    other.manage("restore", str(place), is_checked=False)
    assert not other.ask(TABLES), "without its key nothing was restored"
    done = other.json("restore", str(place), "--identity", str(key))[0]
    assert [each["receipt"] for each in done["erased_again"]] == [receipt]
    assert other.ask(COUNTS) == filled.ask(COUNTS)
    assert other.ask(NAMES) == filled.ask(NAMES)
    assert other.manage("check_files", "--hash").startswith("4 rows and 4 files")


@POSTGRES
def test_where_no_scratch_database_may_be_made_the_copy_is_read_to_its_end(
    filled: Site, place: Path, tmp_path: Path
) -> None:
    url = filled.environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as server:
        before = server.execute("SELECT count(*) FROM pg_database").fetchone()
        server.execute("DROP ROLE IF EXISTS humble")
        server.execute("CREATE ROLE humble LOGIN PASSWORD 'humble'")
    assert filled.json("verify_backup", str(place))[0]["database"] == "restored"
    humble = Bare(tmp_path / "humble", DATABASE_URL=re.sub(r"//[^@]*@", "//humble:humble@", url))
    assert humble.json("verify_backup", str(place))[0]["database"] == "read"
    with psycopg.connect(url, autocommit=True) as server:
        assert server.execute("SELECT count(*) FROM pg_database").fetchone() == before
        server.execute("DROP ROLE humble")


# The last in this file: pytest takes it for one of the first site's tests, as it has but one, and puts those of the
# second site after them all. Anywhere else both sites would be made twice.
@POSTGRES
def test_a_restore_killed_at_any_step_is_undone_or_finished(
    filled: Site, place: Path, tmp_path: Path
) -> None:
    other = another(filled, tmp_path / "other")
    for step in STEPS:
        code = DYING.format(step=step, source=str(place))
        other.manage("shell", "-v0", "--no-imports", "-c", code, is_checked=False)
        other.manage(
            "shell",
            "-v0",
            "--no-imports",
            "-c",
            "from gallery.backup.restore import end_earlier_restore; end_earlier_restore()",
        )
        files = [path for path in (other.folder / "media").rglob("*") if path.is_file()]
        is_in = step == "switch:2"  # the database was in
        assert (len(files), other.ask(TABLES)) == ((4, True) if is_in else (0, False)), step
    assert other.ask(COUNTS) == filled.ask(COUNTS)
