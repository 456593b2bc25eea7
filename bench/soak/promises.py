"""What must be true of a site whatever befell it. Each function lists what is wrong with it: nothing, it is hoped."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.soak.week import Sample, Week
from tests.faults.scene import PHOTOS
from tests.privacy import remains

# MB of a process; a worker process may hold so much before it is replaced
CEILINGS = {"web server": 300, "worker process": 500, "decoder": 400, "scheduler and main process": 250}
CEILINGS |= {"pictures that are not kept": 500}
GROWTH_MB, LONG_SAMPLES = 40, 60  # within a process's later life, and from how many samples on that is judged
WHOLE_FOLDERS = (
    "index",
    "cache",
    "broker",
    "backups",
    "exports",
    "media",
    "static",
    "tmp",
    "verifying",
    "backing-up",
)
SINGLE_FILES = (
    "facesite.sqlite3",
    "web.log",
    "worker.log",
    "schedule",
    "secret_key",
    "host",
    "erased_key",
    "lookups",
)
SLACK_BYTES = 1_000_000
LEAST_SECONDS = 300  # in fewer, a day passes before a worker has started
# The scheduler notes every three minutes when it sent what; killed before, it counts the days of the rest afresh
KILLS_FORGOTTEN_SECONDS = 1200
FILES = """
SELECT file FROM gallery_photo UNION SELECT image FROM gallery_reference
UNION SELECT image FROM gallery_referencedraft
"""


def work_ends(week: Week) -> list[str]:
    """Once nothing breaks any more, all that waited is done."""
    return [f"{count} {what} are still {work}" for what, work, count in week.stuck]


def each_photo_once(week: Week) -> list[str]:
    """What was accepted is there, once, whole and settled; nothing else is."""
    wrong, media = [], week.owner.media
    rows = week.scene.site.rows(PHOTOS)
    counts = Counter(row[1] for row in rows)
    wrong += [f"{sha256[:12]} is there {count} times" for sha256, count in counts.items() if count > 1]
    erased = list_erased_photos(week)
    for sha256, name in week.scene.uploader.promised.items():
        if sha256 not in counts and sha256 not in erased:
            wrong.append(f"{name} was accepted and is lost")
    for pk, sha256, file, work, failure, _attempts, lease, faces, events in rows:
        path = media / file
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            wrong.append(f"photo {pk}: its file is not what was sent")
        if work != "done" and not (work == "failed" and failure):
            wrong.append(f"photo {pk} is still {work}")
        if lease:
            wrong.append(f"photo {pk} is still held by {lease}")
        if events != 1:
            wrong.append(f"photo {pk} was added {events} times")
        if faces > 1:
            wrong.append(f"photo {pk} has {faces} faces, not one")
    return wrong


def list_erased_photos(week: Week) -> set[str]:
    """Their SHA-256s, which name their files."""
    every = [needles for (kind, _), needles in week.owner.list_erased().items() if kind == "photo"]
    return {
        needle.decode() for needles in every for label, needle in needles.items() if label.endswith(" name")
    }


def each_decision_kept(week: Week) -> list[str]:
    faces = {pk: row for pk, *row in week.scene.site.rows("SELECT id, decision, person_id FROM gallery_face")}
    wrong = []
    for face, decided in week.owner.list_decisions().items():
        expected = [decided.said, decided.person]
        if faces.get(face) != expected:
            wrong.append(
                f"face {face} of photo {decided.photo}: {expected} was said, {faces.get(face)} is there"
            )
    return wrong


def index_equals_database(week: Week) -> list[str]:
    (found,) = week.scene.site.json("verify_index", is_checked=False)
    return [] if found["is_sound"] else [json.dumps(found)[:500]]


def erased_nowhere(week: Week) -> list[str]:
    """Byte by byte in all that is kept, but for backups made before: of those the newest only is looked through."""
    needles: remains.Needles = {}
    for each in week.owner.list_erased().values():
        needles |= each
    folder, address = week.scene.site.folder, week.scene.site.environment.get("DATABASE_URL", "")
    newest = max(list_backups(folder), default=None)
    older = [path for path in list_backups(folder) if path != newest]
    found = remains.found_in(folder, needles, address)
    wrong = [
        each
        for each in found
        if not any(str(path) in each for path in [*older, folder / "backups" / "files"])
    ]
    held = (
        {json.loads(line)["sha256"] for line in (newest / "files.jsonl").read_text().splitlines()}
        if newest
        else set()
    )
    return wrong + [
        f"{label}, in the newest backup"
        for label, needle in needles.items()
        if needle.decode(errors="replace") in held
    ]


def list_backups(folder: Path) -> list[Path]:
    return [path.parent for path in folder.glob("backups/*/manifest.json")]


def memory_flat(week: Week) -> list[str]:
    """Each process stays below its ceiling, and one that lives long grows no more."""
    wrong, lives = [], defaultdict[tuple[str, int], list[Sample]](list)
    for sample in week.samples:
        lives[sample.part, sample.pid].append(sample)
    for (part, pid), samples in lives.items():
        most = max(sample.mb for sample in samples)
        if most > CEILINGS[part]:
            wrong.append(f"{part} {pid} held {most:.0f} MB, more than {CEILINGS[part]}")
        if len(samples) >= LONG_SAMPLES:
            third = len(samples) // 3
            middle, last = (
                statistics.median(each.mb for each in samples[start : start + third])
                for start in (third, 2 * third)
            )
            if last - middle > GROWTH_MB:
                wrong.append(f"{part} {pid} grew from {middle:.0f} to {last:.0f} MB")
    return wrong


def files_and_rows_agree(week: Week) -> list[str]:
    rows = {name for (name,) in week.scene.site.rows(FILES)} - {""}
    media = week.owner.media
    files = {path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file()}
    wrong = [f"{name} is a file without a row" for name in sorted(files - rows)]
    wrong += [f"{name} is a row without its file" for name in sorted(rows - files)]
    (found,) = week.scene.site.json("check_files", "--hash", is_checked=False)
    return wrong + ([] if found["is_sound"] else [json.dumps(found)[:500]])


def disk_as_reckoned(week: Week) -> list[str]:
    """The data directory holds what rows and backups account for, and nothing that nobody knows of."""
    folder, wrong = week.scene.site.folder, []
    kept = sum(size for (size,) in week.scene.site.rows("SELECT bytes FROM gallery_photo"))
    used = sum(path.stat().st_size for path in (folder / "media" / "photos").rglob("*") if path.is_file())
    if abs(kept - used) > SLACK_BYTES:
        wrong.append(f"photos take {used} bytes, their rows say {kept}")
    builds = int(week.scene.site.rows("SELECT COUNT(*) FROM gallery_build WHERE directory <> ''")[0][0])
    directories = len([path for path in folder.glob("index/*/*") if path.is_dir()])
    if directories > builds:
        wrong.append(f"{directories} directories of the index, {builds} builds")
    stored = {path.name for path in folder.glob("backups/files/*/*")}
    named = {
        json.loads(line)["sha256"]
        for each in list_backups(folder)
        for line in (each / "files.jsonl").read_text().splitlines()
    }
    if extra := stored - named:
        wrong.append(f"{len(extra)} files of backups that no backup names")
    unknown = [
        path
        for path in folder.iterdir()
        if path.name not in WHOLE_FOLDERS and not path.name.startswith(SINGLE_FILES)
    ]
    wrong += [f"{path.name} is nobody's" for path in unknown]
    left = [
        *folder.glob("media/incoming/*"),
        *folder.glob("tmp/*"),
        *folder.glob("backups/.part-*"),
        *folder.glob("cache/**/.new-*"),
    ]
    return wrong + [f"{path} was left half-written" for path in left]


def pages_answered(week: Week) -> list[str]:
    return week.owner.ledger.broken[:20]


def schedule_kept(week: Week) -> list[str]:
    """What the scheduler is for was done when it was due, through all leaps: backups, and the check of files."""
    if week.clock is None or week.seconds < LEAST_SECONDS:
        return []
    now = datetime.now(UTC) + timedelta(seconds=week.clock.seconds)
    wrong = []
    rows = dict(week.scene.site.rows("SELECT name, done_at FROM gallery_job"))
    tasks = ["make_backup", "check_files"]
    if week.seconds > KILLS_FORGOTTEN_SECONDS:
        tasks.append("verify_index")
    for task in tasks:
        done = parse_moment(rows[task]) if rows.get(task) else None
        if done is None or done < now - timedelta(hours=36):
            wrong.append(f"{task} was last done {done or 'never'}; it is {now}")
    return wrong


def parse_moment(value: datetime | str) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found if found.tzinfo else found.replace(tzinfo=UTC)


PROMISES: dict[str, Callable[[Week], list[str]]] = {
    each.__name__: each
    for each in (
        work_ends, each_photo_once, each_decision_kept, index_equals_database, erased_nowhere, memory_flat,
        files_and_rows_agree, disk_as_reckoned, pages_answered, schedule_kept,
    )
}  # fmt: skip
