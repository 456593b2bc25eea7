"""A backup made before an erasure is restored: what was erased is erased again before the site opens.

By real processes, on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.backup.test_restore import DYING, another, filled, named
from tests.site import ROOT, Site

__all__ = ["filled"]
pytestmark = [pytest.mark.servers, pytest.mark.slow]

NAME = "Barack Obama"
LEFT = (
    f"name = {NAME!r}\n"
    "from pathlib import Path\n"
    "answer = {'people': Person.objects.filter(name=name).count(),"
    " 'erased faces': Face.objects.filter(is_erased=True).count(),"
    " 'lost': [str(row.image) for row in Reference.objects.all() if not Path(row.image.path).exists()],"
    " 'files': len(list(Path(Reference._meta.get_field('image').storage.location).glob('references/*/*'))),"
    " 'references': Reference.objects.count(),"
    " 'photos': Photo.objects.count(),"
    " 'receipts': [str(row.receipt) for row in Erasure.objects.order_by('at')],"
    " 'unfinished': Erasure.objects.exclude(work='done').count(),"
    " 'again': [e.summary.get('receipt') for e in Event.objects.filter(verb='erase.again').order_by('pk')]}"
)
KILLED = """
from pathlib import Path
from django.conf import settings
from gallery.maintenance.tasks import look_after_data
from gallery.people.services import create_person
from gallery.privacy import erasure
from tests.privacy.erasing_world import dies
person = create_person(None, "Somebody")
died = dies(lambda: erasure.erase_person(None, person), erasure, "note_erasures")
receipt = Erasure.objects.get(is_noted=False).receipt
before = [died, Erasure.objects.filter(is_noted=False).count()]
look_after_data()
notes = len(list(Path(settings.BACKUP_DIR).glob(f"erased/*/{receipt}.json")))
Erasure.objects.filter(receipt=receipt).delete()
answer = [*before, Erasure.objects.filter(is_noted=False).count(), notes]
"""
ERASE_USER = "User.objects.create_user('Gone', password='x')\nanswer = True"


@pytest.fixture(scope="module")
def early(filled: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A site that was backed up, copied elsewhere, and then erased somebody and an account."""
    filled.ask(ERASE_USER)
    filled.manage("backup")
    place = filled.folder / "backups"
    copied = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(place, copied)
    receipts = [
        filled.json("erase_person", NAME, "--yes")[0]["receipt"],
        filled.json("erase_user", "Gone", "--yes")[0]["receipt"],
    ]
    return {"place": place, "copy": copied, "receipts": receipts, "site": filled}


def check_erased(site: Site, early: dict[str, Any], photos: Path) -> None:
    left = site.ask(LEFT)
    assert (left["people"], left["erased faces"], left["photos"]) == (0, 1, 1)
    assert (left["lost"], left["unfinished"]) == ([], 0)
    assert left["files"] == left["references"] > 0
    assert left["again"] == early["receipts"]
    assert set(early["receipts"]) < set(left["receipts"])
    assert site.ask("answer = User.objects.filter(username='Gone').count()") == 0
    names = [name for name, *_ in named(site, photos)]
    assert len(names) == 2
    assert NAME not in names


def test_on_a_new_machine_whoever_was_erased_since_the_backup_is_found_by_no_search(
    early: dict[str, Any], demo: tuple[Path, Path], tmp_path: Path
) -> None:
    other = another(early["site"], tmp_path / "other")
    done = other.json("restore", str(early["place"]))[0]
    assert [each["receipt"] for each in done["erased_again"]] == early["receipts"]
    check_erased(other, early, demo[1])
    # The namesake is asked about here too, as the digests' key came with the backup.
    assert other.json("import_people", str(demo[0]))[0]["waiting"]


def test_a_restore_that_is_killed_is_finished_with_its_erasures_by_the_next_start(
    early: dict[str, Any], demo: tuple[Path, Path], tmp_path: Path
) -> None:
    for step in ("switch:2", "switch:3"):
        other = another(early["site"], tmp_path / step.replace(":", "-"), step.replace(":", "_"))
        code = DYING.format(step=step, source=str(early["place"]))
        program = f"import django\ndjango.setup()\n{code}"
        environment = {**other.environment, "DJANGO_SETTINGS_MODULE": "facesite.settings"}
        died = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False)
        assert died.returncode == -9
        other.manage("setup", "--no-demo")
        check_erased(other, early, demo[1])


def test_of_a_copy_taken_elsewhere_before_the_restore_says_that_it_cannot_know(
    early: dict[str, Any], tmp_path: Path
) -> None:
    other = another(early["site"], tmp_path / "other")
    done = other.json("restore", str(early["copy"]))[0]
    assert (done["erased_again"], done["is_from_elsewhere"]) == ([], True)
    assert other.ask(LEFT)["people"] == 1


def test_a_damaged_note_stops_the_restore_before_anything_has_changed(
    early: dict[str, Any], tmp_path: Path
) -> None:
    place = tmp_path / "damaged"
    shutil.copytree(early["place"], place)
    next(place.glob("erased/*/*.json")).write_text('{"receipt"')
    other = another(early["site"], tmp_path / "other")
    assert other.json("restore", str(place), is_checked=False) == []
    assert not other.ask("from django.db import connection\nanswer = connection.introspection.table_names()")


def test_an_erasure_that_is_killed_before_it_is_noted_is_noted_by_the_next_look(
    early: dict[str, Any],
) -> None:
    assert early["site"].ask(KILLED) == [True, 1, 0, 1]


def test_restored_in_its_place_the_site_itself_remembers_also_without_the_backup_folder(
    early: dict[str, Any], demo: tuple[Path, Path]
) -> None:
    shutil.rmtree(early["place"] / "erased")
    done = early["site"].json("restore", str(early["copy"]), "--replace")[0]
    assert [each["receipt"] for each in done["erased_again"]] == early["receipts"]
    assert done["erased_since"] == []
    check_erased(early["site"], early, demo[1])
