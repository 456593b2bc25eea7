"""The tasks, by a real worker: on the embedded broker with SQLite, and on Redis with PostgreSQL."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.faults.pictures import portrait
from tests.servers import wait_for
from tests.site import Site, stop_group

pytestmark = [pytest.mark.servers, pytest.mark.slow]

STATES = "answer = [[p.name, p.work, p.failure_text] for p in Photo.objects.order_by('pk')]"
BEATS = "SELECT name FROM gallery_workerbeat WHERE kind = 'worker'"
NAMES = (
    "answer = [[f.person.name if f.person else None, f.state]"
    " for f in Face.objects.filter(photo__name={name!r}).select_related('person')]"
)


def states(site: Site) -> dict[str, list[str]]:
    return {name: rest for name, *rest in site.ask(STATES)}


def is_settled(site: Site) -> bool:
    return all(work in ("done", "failed") for work, _ in states(site).values())


@pytest.fixture(scope="module")
def filled(site: Site, demo: tuple[Path, Path]) -> Site:
    """The demonstration's people imported and indexed."""
    people, _ = demo
    report = site.json("import_people", str(people))[0]
    assert report == {"people": 2, "added": 3, "waiting": [], "skipped": [], "renamed": {}}
    build = site.json("build_index")[0]
    assert (build["status"], build["vectors"], build["is_active"]) == ("done", 3, True)
    return site


def test_an_added_photo_gets_its_names_from_the_worker_as_from_tag(
    filled: Site, demo: tuple[Path, Path]
) -> None:
    _, photos = demo
    filled.json("import_photos", str(photos))
    with filled.worker():
        wait_for(lambda: is_settled(filled), "the photo", 90)
    assert states(filled) == {"montage.jpg": ["done", ""]}
    found: list[Any] = filled.ask(NAMES.format(name="montage.jpg"))
    tagged = filled.json("tag", str(photos / "montage.jpg"))[0]
    assert found == [[face["name"], face["state"]] for face in tagged["faces"]]
    assert ["Barack Obama", "known"] in found


def test_a_photo_whose_worker_is_killed_is_taken_up_by_the_next(filled: Site, tmp_path: Path) -> None:
    Image.effect_noise((1600, 1200), 80).convert("RGB").save(tmp_path / "noise.jpg")
    filled.json("import_photos", str(tmp_path))
    worker = filled.start_worker()
    try:
        wait_for(lambda: states(filled)["noise.jpg"][0] != "queued", "the worker to begin", 60)
    finally:
        stop_group(worker, signal.SIGKILL)
    with filled.worker():
        wait_for(lambda: is_settled(filled), "the photo of the killed worker", 90)
    assert states(filled)["noise.jpg"] == ["done", ""]


def test_a_reference_approved_later_is_found_without_a_rebuild(filled: Site, demo: tuple[Path, Path]) -> None:
    people, _ = demo
    portrait = people / "Joe Biden" / "portrait-2013.jpg"
    before = filled.json("tag", str(portrait))[0]["faces"][0]
    assert before["name"] == "Joe Biden"
    filled.ask(
        "from gallery.people.references import move_references\n"
        "other = Person(); other.set_name('Somebody Else'); other.save()\n"
        "admin = User.objects.create_superuser('curator')\n"
        "move_references(admin, Reference.objects.filter(person__name='Joe Biden'), other)\nanswer = 1"
    )
    assert filled.json("tag", str(portrait))[0]["faces"][0]["name"] == "Somebody Else"


def test_a_process_above_its_memory_is_replaced_when_its_photo_is_done(
    site: Site, demo: tuple[Path, Path], tmp_path: Path
) -> None:
    for number in range(4):
        (tmp_path / f"{number}.jpg").write_bytes(portrait(demo[0], 100 + number))
    site.json("import_photos", str(tmp_path))
    site.ask("answer = WorkerBeat.objects.all().delete()[0]")  # of those that were killed
    log = site.folder / "read.log"
    worker = site.start_worker(
        "tests.faults.app", FACESITE_WORKER_MEMORY_MB="150", FAULTS_LOG=str(log), FAULTS_SLOW="1"
    )
    seen: set[str] = set()

    def is_done() -> bool:
        seen.update(name for (name,) in site.rows(BEATS))
        return not site.rows("SELECT 1 FROM gallery_photo WHERE work NOT IN ('done', 'failed')")

    try:
        wait_for(is_done, "the photos", 90)
    finally:
        stop_group(worker)
    assert len(seen) > 1, "no process was replaced"
    read = log.read_text().splitlines()
    assert len(read) == len(set(read)) == 4, "a photo was lost, or looked at twice"
    assert site.rows("SELECT DISTINCT attempts FROM gallery_photo") == [(0,)]
