"""Moves the site's files from folders into a bucket, or back, while the site runs.

Asked for while FACESITE_STORAGE says the old place, all is copied, and compared by its SHA-256. Asked for again when
it says the new place, what came meanwhile is copied, and the old place is emptied, each file only when the new
place has the same. A file is always whole in at least one of them, so that a move that was
killed is gone on with by asking for it again. A row says that a move is under way: erasures then reach both places.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, cast

from django.conf import settings
from django.core.files.storage.handler import StorageHandler

from facesite.buckets import AREAS, Bucket, describe_storages, parse_bucket
from gallery.jobs.leases import enqueue_rows
from gallery.models import Photo, Reference, SiteSetting, Status
from gallery.models.history import get_site_setting
from gallery.models.storage import BACKUP_AREA, INDEX_AREA, SiteStorage, get_storage, receive_file
from recognition.errors import RecognitionError

MOVE_SETTING = "storage.move"  # a SiteSetting: from where to where
FOLDERS = "folder"  # the word for the data directory's folders, as a target
FILE_GONE = ("photo_file_gone", "reference_file_gone")
Progress = Callable[[str, int, int], None]


class MoveRefused(RecognitionError):
    """The move cannot be made as asked; nothing has changed."""


@dataclass(slots=True)
class MoveResult:
    source: str
    target: str
    is_complete: bool = False  # the site uses the new place, and the old one is empty
    files: int = 0
    copied: int = 0
    removed: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def open_place(place: str) -> dict[str, SiteStorage]:
    """The areas of the storage in this place, by name."""
    bucket = None if place == FOLDERS else parse_bucket(place, "The target")
    handler = StorageHandler(cast(Any, describe_storages(bucket)))
    return {area: cast(SiteStorage, handler[area]) for area in AREAS}


def name_place(bucket: Bucket | None) -> str:
    return str(bucket) if bucket else FOLDERS


def list_storages_of(area: str) -> list[SiteStorage]:
    """The area as the site uses it, and as a move that is under way has it in the other place."""
    here, move = name_place(settings.STORAGE), get_site_setting(MOVE_SETTING, {})
    others = [place for place in move.values() if place != here]
    return [get_storage(area), *(open_place(place)[area] for place in others)]


def move_storage(target: str, progress: Progress) -> MoveResult:
    """Go on with the move to this place as far as it can go. Raises MoveRefused, OSError where a place is away."""
    here, move = name_place(settings.STORAGE), get_site_setting(MOVE_SETTING, {})
    if not move and target == here:
        raise MoveRefused(f"The site's files are in {target} already.")
    if not move:
        move = {"source": here, "target": target}
        SiteSetting.objects.update_or_create(pk=MOVE_SETTING, defaults={"value": move})
    if target == here in move.values():  # also of a move that is given up
        source = next(place for place in move.values() if place != here)
    elif move == {"source": here, "target": target}:
        source = here
    else:
        raise MoveRefused(f"A move from {move['source']} to {move['target']} is under way: end it first.")
    found, old, new = MoveResult(source, target), open_place(source), open_place(target)
    # Builds come and go, with vectors of people who are erased: they move when the site does.
    left_out = {INDEX_AREA} if target != here else set()
    left_out |= {BACKUP_AREA} if settings.HAS_BACKUP_DIR else set()
    areas = [area for area in AREAS if area not in left_out]
    copied = {area: copy_area(area, old[area], new[area], found, progress) for area in areas}
    if target == here:
        requeue_rows_without_file()
        for area, names in copied.items():
            found.removed += sum(remove_moved_file(old[area], new[area], name) for name in names)
        found.is_complete = not any(list_moved_names(old[area]) for area in areas)
    if found.is_complete:
        SiteSetting.objects.filter(pk=MOVE_SETTING).delete()
    return found


def copy_area(
    area: str, old: SiteStorage, new: SiteStorage, found: MoveResult, progress: Progress
) -> list[str]:
    names = list_moved_names(old)
    found.files += len(names)
    for done, name in enumerate(names):
        progress(f"copy {area}", done, len(names))
        found.copied += copy_file(old, new, name)
    return names


def list_moved_names(storage: SiteStorage) -> list[str]:
    """All but what is being written or fetched."""
    names = [(file.name, file.name.split("/")) for file in storage.list_files()]
    return [
        name
        for name, parts in names
        if parts[0] != "incoming" and not any(part.startswith(".") for part in parts)
    ]


def copy_file(old: SiteStorage, new: SiteStorage, name: str) -> bool:
    """Whether it had to be copied. One that is removed meanwhile is removed there, too."""
    try:
        if is_same_file(old, new, name):
            return False
        with old.open(name) as file:
            received = receive_file(file.chunks(), sys.maxsize, new.incoming)
    except FileNotFoundError:  # erased, say, since it was listed
        return False
    new.put_file(received.path, name)
    if new.compute_sha256(name) != received.sha256:  # read back
        raise OSError(f"{name} is not in the new place what it was in the old one.")
    if not old.exists(name):
        new.delete(name)
    return True


def is_same_file(old: SiteStorage, new: SiteStorage, name: str) -> bool:
    try:
        return new.size(name) == old.size(name) and new.get_sha256(name) == old.get_sha256(name)
    except FileNotFoundError:
        return False


def remove_moved_file(old: SiteStorage, new: SiteStorage, name: str) -> bool:
    """From the old place, once it was copied; also what has since been removed from the new place, as when erased."""
    if new.exists(name) and not is_same_file(old, new, name):
        return False
    old.delete(name)
    return True


def requeue_rows_without_file() -> None:
    """Those that were worked on between the start with the new place and this."""
    for model in (Photo, Reference):
        enqueue_rows(model._default_manager.filter(work=Status.FAILED, failure_code__in=FILE_GONE))
