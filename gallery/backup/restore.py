"""Restores a backup into an empty installation.

Everything is made ready aside and checked, and only then put in: the folders by renaming, and last the
database, by one rename or one transaction. That moment decides. A journal says that a restore has begun to
change things: a restore that died before that moment is undone by the next restore (or set-up), one that died
after it is finished. docs/reliability.md has the steps.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.backup import database
from gallery.backup.create import (
    ProgressCallback,
    ignore_progress,
    make_backup,
    report_progress,
)
from gallery.backup.database import get_database
from gallery.backup.encryption import Identities
from gallery.backup.errors import BackupDamaged, BackupError, SiteNotEmpty, convert_to_backup_errors
from gallery.backup.layout import DATA_FOLDERS, Backup, collect_settings, find_backup, get_backup_folder
from gallery.backup.ledger import adopt_ledger, check_ledger, copy_ledger, write_ledger
from gallery.backup.store import FOLDER_SETTING, LOCK_FILE, hold_folder_lock
from gallery.backup.verification import verify_backup
from gallery.models import (
    Album,
    Build,
    ErasedDigest,
    Erasure,
    Host,
    Person,
    Photo,
    Reference,
    ReferenceDraft,
    SiteSetting,
    Status,
    WorkerBeat,
)
from gallery.models.clock import get_site_time
from gallery.models.history import get_site_setting
from gallery.models.storage import INDEX_AREA, MEDIA_AREA, get_storage
from recognition.files import sync_path, write_synced_text

WORKER_SILENCE = timedelta(seconds=40)  # workers beat every 10 seconds
WORK_FOLDER = "restoring"  # folder in the data directory
JOURNAL_FILE, NEW_FOLDER, BEFORE_FOLDER = "journal.json", "new", "before"
DUMP_FILE = "database"  # of the backup, decrypted
RESTORED_SETTING = "restored"  # the SiteSetting written with the database
RUNNING_STATES = (Status.QUEUED, Status.PROCESSING)


def check_backup_fits(backup: Backup) -> None:
    """Raise BackupError if this installation cannot take the backup."""
    manifest = backup.manifest
    if manifest.engine != connection.vendor:
        text = _(
            "The backup is of a %(theirs)s database and this site has %(ours)s. Set DATABASE_URL to that kind."
        )
        raise BackupError(text % {"theirs": manifest.engine, "ours": connection.vendor})
    known = set(MigrationLoader(None).disk_migrations)
    unknown = [
        f"{app}.{name}"
        for app, names in manifest.migrations.items()
        for name in names
        if (app, name) not in known
    ]
    if unknown:
        text = _(
            "The backup was made by a newer Facesite (%(version)s; %(migration)s). Update this one first."
        )
        raise BackupError(text % {"version": manifest.version, "migration": unknown[-1]})


def check_workers_stopped() -> None:
    """Raise BackupError while a worker is running here."""
    try:
        is_alive = WorkerBeat.objects.filter(seen_at__gte=get_site_time() - WORKER_SILENCE).exists()
    except DatabaseError:
        return
    if is_alive:
        text = _(
            "A worker was here less than %(seconds)s seconds ago. Stop the site and its worker, and wait so long."
        )
        raise BackupError(text % {"seconds": WORKER_SILENCE.seconds})


def check_site_empty() -> None:
    """Raise SiteNotEmpty if people, photos or files would be replaced. Accounts may exist: set-up makes the first."""
    if found := next(_list_contents(), None):
        text = _("This installation is not empty (%(what)s). Restore into an empty one, or say --replace.")
        raise SiteNotEmpty(text % {"what": found})


def _list_contents() -> Iterator[object]:
    with suppress(DatabaseError):  # no tables yet
        for model in (Photo, Person, Reference, Album):
            if model._default_manager.exists():
                yield model._meta.verbose_name_plural
    for kind in ("photos", "references"):
        yield from (file.name for file in get_storage().list_files(kind))


def check_tables_ours() -> None:
    """Raise SiteNotEmpty if other programs have tables in the database: they would be dropped."""
    ours = {*connection.introspection.django_table_names(), "django_migrations"}
    others = sorted(set(connection.introspection.table_names()) - ours)
    if connection.vendor == "postgresql" and others:
        text = _(
            "The database holds tables that are not Facesite's (%(tables)s). Give Facesite a database of its own."
        )
        raise SiteNotEmpty(text % {"tables": ", ".join(others[:5])})


@dataclass(frozen=True, slots=True)
class RestoreFolder:
    root: Path

    @property
    def new(self) -> Path:
        return self.root / NEW_FOLDER

    @property
    def mark(self) -> str:
        """The mark of a restore that had begun to change things; empty if none had."""
        return self.read_journal().get("mark", "")

    def read_journal(self) -> dict[str, str]:
        try:
            journal: dict[str, str] = json.loads((self.root / JOURNAL_FILE).read_text())
        except FileNotFoundError:
            return {}
        return journal

    def begin(self, mark: str, erased_key: str) -> None:
        write_synced_text(self.root / JOURNAL_FILE, json.dumps({"mark": mark, "erased_key": erased_key}))
        sync_path(self.root)

    def swap(self) -> None:
        """Move the new folders into place and the old ones aside."""
        (self.root / BEFORE_FOLDER).mkdir(exist_ok=True)
        if settings.STORAGE:
            self._put_into_bucket()
            return
        for kind in DATA_FOLDERS:
            live = _get_live_folder(kind)
            if live.exists():
                live.replace(self.root / BEFORE_FOLDER / kind)
            live.parent.mkdir(parents=True, exist_ok=True)
            (self.new / kind).replace(live)
            sync_path(live.parent)

    def _put_into_bucket(self) -> None:
        """Beside what is there: no two files have one name. What the site had before is removed when all is done."""
        for kind, area in zip(DATA_FOLDERS, (MEDIA_AREA, INDEX_AREA), strict=True):
            for path in sorted(each for each in (self.new / kind).rglob("*") if each.is_file()):
                get_storage(area).put_file(path, path.relative_to(self.new / kind).as_posix())

    def swap_back(self) -> None:
        """Undo `swap`, however far it got."""
        if settings.STORAGE:
            return  # no row names what came there: `remove_unnamed_files`, or the check of files
        for kind in DATA_FOLDERS:
            live, before = _get_live_folder(kind), self.root / BEFORE_FOLDER / kind
            if live.exists() and not (self.new / kind).exists():
                live.replace(self.new / kind)
            if before.exists():
                before.replace(live)
        sync_path(self.root)

    def clear(self) -> None:
        """Remove everything, the journal first: without it, the rest is only leftovers."""
        (self.root / JOURNAL_FILE).unlink(missing_ok=True)
        sync_path(self.root)
        for path in self.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK_FILE:
                path.unlink()


def _get_live_folder(kind: str) -> Path:
    return Path({"media": settings.MEDIA_ROOT, "index": settings.INDEX_ROOT}[kind])


def is_restored_database(mark: str) -> bool:
    """Whether the database is the one that was restored under this mark."""
    try:
        value = get_site_setting(RESTORED_SETTING, {})
    except DatabaseError:  # no tables yet
        return False
    return isinstance(value, dict) and value.get("mark") == mark


@dataclass(slots=True)
class RestoreResult:
    backup: str
    made_at: str
    counts: dict[str, int]
    files: int = 0
    left_out: list[str] = field(default_factory=list)  # damaged in the backup
    builds: list[int] = field(default_factory=list)  # index builds that wait for a worker
    differing: dict[str, str] = field(default_factory=dict)  # settings of the backup that differ here
    before: str = ""  # backup of what was replaced
    erased_since: list[dict[str, str]] = field(default_factory=list)  # and perhaps back now
    erased_again: list[dict[str, str]] = field(default_factory=list)  # what the ledger knew of
    is_from_elsewhere: bool = False  # so that it may know of no erasure since it was taken there

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def restore_backup(
    source: Path,
    *,
    replace: bool = False,
    without_damaged: bool = False,
    identities: Identities = (),
    progress: ProgressCallback = ignore_progress,
) -> RestoreResult:
    """Restore the backup in this folder, or the newest kept there. Raises BackupError with nothing changed."""
    with _hold_restore_folder() as place:
        backup = find_backup(source, identities)
        backup.check_open()
        done = RestoreResult(backup.folder.name, backup.manifest.made_at.isoformat(), backup.manifest.counts)
        check_backup_fits(backup)
        check_tables_ours()
        check_workers_stopped()
        if not replace:
            check_site_empty()
        done.erased_since = _list_erased_since(backup)
        progress("verify", 0, 1)
        found = verify_backup(backup, progress)
        done.left_out = [*found.missing, *found.damaged]
        if done.left_out and not without_damaged:
            text = _(
                "%(count)s files of this backup are damaged or missing (%(first)s). Take the backup before,"
                " or say --without-damaged to restore all the others."
            )
            raise BackupDamaged(text % {"count": len(done.left_out), "first": done.left_out[0]})
        if replace:
            progress("back up", 0, 1)
            done.before = str(make_backup(get_backup_folder(), progress=progress).folder)
        done.is_from_elsewhere = _gather_ledgers(backup, place, identities)
        _put_in_backup(backup, place, done, progress)
        done.differing = _find_differing_settings(backup)
        return done


def end_earlier_restore() -> None:
    """Undo a restore that died before it replaced the database, or finish one that died after; for set-up."""
    root = Path(settings.DATA_DIR) / WORK_FOLDER
    if root.is_dir() and any(path.name != LOCK_FILE for path in root.iterdir()):
        with _hold_restore_folder():
            pass


@contextmanager
def _hold_restore_folder() -> Iterator[RestoreFolder]:
    """Hold the lock of the working folder, with an earlier restore undone or finished."""
    place = RestoreFolder(Path(settings.DATA_DIR) / WORK_FOLDER)
    with (
        convert_to_backup_errors(place.root),
        hold_folder_lock(place.root, _("Another restore is running.")),
    ):
        if place.mark and is_restored_database(place.mark):
            database.migrate_database()  # PostgreSQL's copy is migrated only after it has been put in
            _finish_restore(place)
        else:
            _undo_restore(place)
        yield place


def _finish_restore(place: RestoreFolder) -> list[int]:
    """What follows once the database has been replaced; it may be repeated."""
    adopt_ledger(place.root, place.read_journal().get("erased_key", ""))
    asked = _request_missing_builds()
    Host.objects.all().delete()  # those of the other installation; this one clears its caches and is noted anew
    if settings.STORAGE:
        remove_unnamed_files()
    SiteSetting.objects.filter(pk=FOLDER_SETTING).delete()  # it is about the other installation's folder
    place.clear()
    return asked


def remove_unnamed_files() -> None:
    """From a bucket, what the site had there before; of folders, whole ones were moved aside and go with those."""
    storage, named = get_storage(), set[str]()
    for model, column in ((Photo, "file"), (Reference, "image"), (ReferenceDraft, "image")):
        named |= set(model._default_manager.values_list(column, flat=True))
    for name in [file.name for file in storage.list_files()]:
        if name not in named:
            storage.delete(name)


def _gather_ledgers(backup: Backup, place: RestoreFolder, identities: Identities) -> bool:
    """Put all that is known of erasures into the working folder; whether the backup lies outside the site's own."""
    own, source = get_backup_folder().resolve(), backup.folder.parent.resolve()
    if own != source:
        with suppress(OSError):  # it may be away, while a copy taken elsewhere is restored
            copy_ledger(own, place.root, identities)
    copy_ledger(source, place.root, identities)
    with suppress(DatabaseError):  # no tables yet
        if ErasedDigest.objects.exists():
            write_ledger(place.root)
    check_ledger(place.root)
    return own != source


def _undo_restore(place: RestoreFolder) -> None:
    if place.mark:
        place.swap_back()
    get_database().forget_copy()
    place.clear()


def _list_erased_since(backup: Backup) -> list[dict[str, str]]:
    """Erasures since the backup began: kind, time and receipt, which do not tell who or what it was."""
    rows = Erasure.objects.filter(at__gte=backup.manifest.made_at).order_by("at")
    try:
        return [
            {"kind": row.kind, "at": timezone.localtime(row.at).isoformat(), "receipt": str(row.receipt)}
            for row in rows
        ]
    except DatabaseError:  # no tables yet
        return []


def _put_in_backup(
    backup: Backup, place: RestoreFolder, done: RestoreResult, progress: ProgressCallback
) -> None:
    mark = uuid.uuid4().hex
    try:
        done.files = _stage_files(backup, place, set(done.left_out), progress)
        progress("database", 0, 1)
        note = {"mark": mark, "backup": backup.folder.name, "at": get_site_time().isoformat()}
        dump = backup.database
        if backup.is_encrypted or not dump.is_file():
            dump = place.root / DUMP_FILE
            backup.copy_file(backup.database, dump)
        get_database().prepare_copy(dump, place.root, json.dumps(note))
        progress("switch", 0, 3)
        place.begin(mark, backup.manifest.erased_key)
        place.swap()
        progress("switch", 1, 3)
        get_database().commit_copy(place.root)
        progress("switch", 2, 3)
    except BaseException:
        # If the database has been replaced, the next restore or set-up finishes the rest.
        if not (place.mark and is_restored_database(mark)):
            _undo_restore(place)
        raise
    done.builds = _finish_restore(place)
    progress("switch", 3, 3)


def _stage_files(backup: Backup, place: RestoreFolder, left_out: set[str], progress: ProgressCallback) -> int:
    """Copy the files into the working folder, verifying each, and return how many."""
    for kind in DATA_FOLDERS:
        (place.new / kind).mkdir(parents=True)
    kept = (entry for entry in backup.entries() if entry.name not in left_out)
    total = int(backup.manifest.listing["files"]) - len(left_out)
    for entry in report_progress(kept, progress, "copy", total):
        target = place.new / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if backup.copy_file(backup.get_stored_file(entry), target) != entry.sha256:
            raise BackupDamaged(_("%(name)s changed while it was copied.") % {"name": entry.name})
    for folder in {path.parent for path in place.new.rglob("*")}:
        sync_path(folder)
    return total


def _request_missing_builds() -> list[int]:
    """Request the builds whose files are not in the backup; until they are done, search compares all references."""
    asked = []
    try:
        for build in Build.objects.exclude(directory=""):
            if any(get_storage(INDEX_AREA).list_files(build.directory)):
                continue
            kind = {"embedder_id": build.embedder_id, "contents": build.contents}
            coming = Build.objects.filter(**kind, work__in=RUNNING_STATES)
            if build.is_active and not coming.exists():
                row = Build.objects.create(**kind, queued_at=get_site_time(), reason="restored from a backup")
                asked.append(row.pk)
            Build.objects.filter(pk=build.pk).update(is_active=False, directory="")
    except DatabaseError as error:
        text = _("The backup is restored, but its index could not be asked for (%(error)s). Run build_index.")
        raise BackupError(text % {"error": error}) from error
    return asked


def _find_differing_settings(backup: Backup) -> dict[str, str]:
    """Settings that differ from those where the backup was made, except folders and addresses."""
    here = collect_settings()
    ignored = ("_DIR", "_URL")
    return {
        name: value
        for name, value in backup.read_details().settings.items()
        if here.get(name) != value
        and not name.endswith(ignored)
        and (name in here or name != "FACESITE_EMBEDDER")  # unset: what served goes on serving
    }
