"""Which backups there are and how long they stay: the one place that says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from gallery.backup import layout
from gallery.models import SiteSetting
from gallery.queries import setting

ELSEWHERE = "backups_elsewhere"  # the SiteSetting that remembers backups made to other folders by hand
MOST = 100  # of those that are remembered


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """What was in the site at `made_at` is still in here, until `expires_at`."""

    folder: Path
    made_at: datetime
    expires_at: datetime | None  # None: it stays until somebody deletes it
    bytes: int = 0
    is_elsewhere: bool = False  # made by hand to another folder: nothing here deletes it

    @property
    def name(self) -> str:
        return self.folder.name


def kept_backups() -> list[KeptBackup]:
    """Each kept backup, the newest first, with the time it will be deleted if backups go on as they are set.

    Raises BackupDamaged where a manifest cannot be read, OSError where the folder cannot.
    """
    found = layout.backups_in(layout.place())
    newest = found[0].manifest.made_at if found else None
    own = [
        KeptBackup(each.folder, each.manifest.made_at, _expiry(newest, place), each.manifest.bytes)
        for place, each in enumerate(found)
    ]
    return sorted([*own, *_elsewhere()], key=lambda kept: kept.made_at, reverse=True)


def _expiry(newest: datetime | None, place: int) -> datetime | None:
    """When the one in this place, counted from the newest, is one too many; None without a schedule."""
    if newest is None or not settings.BACKUP_HOURS:
        return None
    return newest + timedelta(hours=settings.BACKUP_HOURS * max(1, settings.BACKUP_KEEP - place))


def _elsewhere() -> list[KeptBackup]:
    """Backups made to other folders, but for those that can be seen to be gone."""
    found = []
    for folder, made_at in _noted().items():
        path = Path(folder)
        if path.parent.is_dir() and not path.is_dir():
            continue
        found.append(KeptBackup(path, datetime.fromisoformat(made_at), None, is_elsewhere=True))
    return found


def _noted() -> dict[str, str]:
    value = setting(ELSEWHERE, {})
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}


def note_elsewhere(backup: layout.Backup) -> None:
    """Remember a backup made to a folder that nothing here looks after."""
    noted = _noted() | {str(backup.folder): backup.manifest.made_at.isoformat()}
    newest = sorted(noted.items(), key=lambda item: item[1])[-MOST:]
    SiteSetting.objects.update_or_create(pk=ELSEWHERE, defaults={"value": dict(newest)})
