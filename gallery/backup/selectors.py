"""The state of backups, as the page on backups shows it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery.backup.layout import BackupError, KeptBackup, list_kept_backups
from gallery.backup.schedule import get_backup_progress, is_backup_running

STEP_LABELS: dict[str, str | Promise] = {
    "photos": _("Copying photos"),
    "references": _("Copying references"),
    "database": _("Copying the database"),
    "new files": _("Copying what came meanwhile"),
    "write": _("Writing the list"),
    "prune": _("Removing the oldest"),
}


@dataclass(frozen=True, slots=True)
class RunningBackup:
    label: str | Promise
    share: float | None  # 0 to 1; None where it is not known


def read_kept_backups() -> tuple[list[KeptBackup], str]:
    try:
        return list_kept_backups(), ""
    except (BackupError, OSError) as error:
        return [], str(error)


def get_running_backup() -> RunningBackup | None:
    if not is_backup_running():
        return None
    now = get_backup_progress()
    done, total = int(now.get("done", 0)), int(now.get("total", 0))
    label = STEP_LABELS.get(str(now.get("step")), _("Making a backup"))
    return RunningBackup(label, done / total if total > 1 else None)


def _find_existing_folder(place: Path) -> Path:
    """The place, or the nearest folder above it that is there."""
    return next(each for each in (place, *place.parents) if each.exists())


def is_on_data_disk(place: Path) -> bool:
    return (
        _find_existing_folder(place).stat().st_dev
        == _find_existing_folder(Path(settings.DATA_DIR)).stat().st_dev
    )


def get_free_bytes(place: Path) -> int | None:
    try:
        return shutil.disk_usage(_find_existing_folder(place)).free
    except OSError:
        return None
