"""Faults that are put into a site on purpose, to see that a soak shows each of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from bench.soak.week import Week


def lose(week: Week) -> None:
    """A photo that was accepted, with its file and all that hangs on it."""
    week.scene.site.ask(
        "from pathlib import Path\nphoto = Photo.objects.filter(work='done').first()\n"
        "Path(photo.file.path).unlink()\nphoto.delete()\nanswer = 1"
    )


def double(week: Week) -> None:
    week.scene.site.ask(
        "photo = Photo.objects.first()\nphoto.pk, photo.copy, photo.file = None, 7, f'{photo.file.name}.again'\n"
        "photo.save()\nanswer = photo.file.name"
    )
    files = [file for (file,) in week.scene.site.rows("SELECT file FROM gallery_photo ORDER BY id")]
    shutil.copyfile(week.owner.media / files[0], week.owner.media / files[-1])


def decision(week: Week) -> None:
    """The machine has the last word."""
    while not (kept := week.owner.list_decisions()):
        week.owner.decide_on_face()
    week.scene.site.ask(f"answer = Face.objects.filter(pk__in={[*kept]}).update(decision='', person=None)")


def index(week: Week) -> None:
    """A vector is gone, and the feed says nothing of it."""
    week.scene.site.ask(
        "from django.db import connection\nwith connection.cursor() as cursor:\n"
        "    cursor.execute('DELETE FROM gallery_referencevector')\nanswer = 1"
    )


def erased(week: Week) -> None:
    """A trace of what was erased."""
    while not week.owner.list_erased():
        week.owner.erase_photo()
    needles = next(iter(week.owner.list_erased().values()))
    trace = next(iter(needles.values()))
    (week.scene.site.folder / "web.log").open("ab").write(trace)


def file(week: Week) -> None:
    """One without a row."""
    (week.owner.media / "photos" / "stray.jpg").write_bytes(b"stray")


def disk(week: Week) -> None:
    (week.scene.site.folder / "core.4711").write_bytes(bytes(2_000_000))


def leak(week: Week) -> None:
    """A web server that forgets nothing, once it is started."""
    week.web_environment["DJANGO_SETTINGS_MODULE"] = "tests.faults.leaky"


EARLY = {"leak"}  # before anything runs; the others when all is done
SHOWN_BY = {
    decision: "each_decision_kept",
    index: "index_equals_database",
    erased: "erased_nowhere",
    file: "files_and_rows_agree",
    disk: "disk_as_reckoned",
    lose: "each_photo_once",
    double: "each_photo_once",
    leak: "memory_flat",
}
BREAKS: dict[str, Callable[[Week], None]] = {each.__name__: each for each in SHOWN_BY}
