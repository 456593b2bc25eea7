"""The ledger of erasures beside the backups: what was erased, as digests that say nothing without their key.

FOLDER/erased/KEY/             KEY is the start of the key's SHA-256
  key                          what the digests were made with
  RECEIPT.json                 an erasure: whole under this name, or not there
  recipients                   if backups are encrypted, for which keys of age: then the others end with .age

A backup made before an erasure does not know of it. The ledger does, so that a restore can erase again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from gallery.backup.bucket import is_in_bucket, pull_lists, push_notes, remove_files
from gallery.backup.encryption import (
    AGE_SUFFIX,
    Identities,
    check_identities,
    decrypt_bytes,
    encrypt_bytes,
)
from gallery.backup.errors import BackupDamaged
from gallery.backup.layout import get_backup_folder
from gallery.backup.store import get_folder_problem
from gallery.core.erased import KEY_FILE, get_digest_key
from gallery.models import ErasedDigest, Erasure
from gallery.models.clock import get_site_time
from gallery.models.storage import write_file
from recognition.files import sync_path, write_atomically

LEDGER_FOLDER = "erased"
RECIPIENTS_FILE = "recipients"
NOTES = "[!.]*.json"  # not the files beginning with ._ that a Mac leaves on other systems' disks
log = logging.getLogger(__name__)


def get_key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def write_ledger(place: Path, recipients: Sequence[str] = ()) -> None:
    """Write the key, and every erasure that is not noted there, and sync them. OSError where that cannot be.

    For other recipients than the last time, everything is written anew.
    """
    pull_lists(place)
    key = get_digest_key()
    folder = place / LEDGER_FOLDER / get_key_id(key)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_same, ending = _read_recipients(folder) == list(recipients), AGE_SUFFIX if recipients else ""
    there = {path.name for path in folder.glob("*")} if is_same else set()
    if f"key{ending}" not in there:
        _write_note(folder / "key", key.encode(), recipients)
    known = Erasure.objects.filter(pk__in=ErasedDigest.objects.values("erasure")).order_by("pk")
    for erasure in known:
        name = f"{erasure.receipt}.json"
        if name + ending not in there:
            _write_note(folder / name, json.dumps(_describe_erasure(erasure)).encode(), recipients)
    if not is_same:
        write_atomically(folder / RECIPIENTS_FILE, "\n".join(recipients).encode(), is_synced=True)
    if is_in_bucket(place):
        push_notes(folder)
    for each in (folder, folder.parent, place):
        sync_path(each)


def _write_note(path: Path, content: bytes, recipients: Sequence[str]) -> None:
    encrypted = path.with_name(path.name + AGE_SUFFIX)
    if recipients:
        write_atomically(encrypted, encrypt_bytes(content, recipients), is_synced=True)
        path.unlink(missing_ok=True)
    else:
        write_atomically(path, content, is_synced=True)
        encrypted.unlink(missing_ok=True)


def _read_recipients(folder: Path) -> list[str]:
    path = folder / RECIPIENTS_FILE
    return path.read_text().split() if path.exists() else []


def _describe_erasure(erasure: Erasure) -> dict[str, Any]:
    digests: dict[str, list[str]] = defaultdict(list)
    for kind, digest in erasure.digests.order_by("digest").values_list("kind", "digest"):
        digests[kind].append(digest)
    at, receipt = erasure.at.isoformat(), str(erasure.receipt)
    return {"receipt": receipt, "kind": erasure.kind, "at": at, "counts": erasure.counts, "digests": digests}


def note_erasures() -> bool:
    """Note every erasure beside the backups; False, and tried again by `look_after_data`, while they are away."""
    try:
        if problem := get_folder_problem():
            raise OSError(problem)
        write_ledger(get_backup_folder(), settings.BACKUP_KEYS)
    except OSError as error:
        log.error("Erasures cannot be noted in %s yet: %s", get_backup_folder(), error)
        return False
    Erasure.objects.filter(is_noted=False).update(is_noted=True)
    return True


def are_erasures_unnoted() -> bool:
    return Erasure.objects.filter(is_noted=False).exists()


def remove_old_notes() -> int:
    """Forget digests older than FACESITE_ERASED_DAYS, here and beside the backups; how many were here."""
    if not settings.ERASED_DAYS:
        return 0
    limit = get_site_time() - timedelta(days=settings.ERASED_DAYS)
    old = {str(receipt) for receipt in Erasure.objects.filter(at__lt=limit).values_list("receipt", flat=True)}
    for path in (get_backup_folder() / LEDGER_FOLDER).glob(f"*/{NOTES}*"):
        try:
            if path.name.partition(".")[0] in old:
                if is_in_bucket(get_backup_folder()):
                    remove_files([path])
                else:
                    path.unlink()
        except OSError as error:
            log.error("%s cannot be forgotten yet: %s", path, error)
    return ErasedDigest.objects.filter(erasure__at__lt=limit).delete()[0]


def copy_ledger(source: Path, target: Path, identities: Identities) -> None:
    """Copy the ledger of one place, where there is one, to another, decrypted."""
    pull_lists(source)
    for path in (source / LEDGER_FOLDER).glob("*/[!.]*"):
        if path.name == RECIPIENTS_FILE:
            continue
        copy = target / LEDGER_FOLDER / path.parent.name / path.name.removesuffix(AGE_SUFFIX)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != AGE_SUFFIX:
            shutil.copyfile(path, copy)
            continue
        check_identities(path.parent, _read_recipients(path.parent), identities)
        try:
            copy.write_bytes(decrypt_bytes(path, identities))
        except BackupDamaged:
            raise _build_damaged_error(path) from None


def check_ledger(place: Path) -> None:
    """Raise BackupDamaged for a note that cannot be read, before anything has changed."""
    for path in (place / LEDGER_FOLDER).glob(f"*/{NOTES}"):
        try:
            json.loads(path.read_text())["receipt"]
        except (ValueError, KeyError) as error:
            raise _build_damaged_error(path) from error


def _build_damaged_error(path: Path) -> BackupDamaged:
    text = _(
        "%(name)s in the backups' folder “erased” says what was erased, and is damaged. Remove it to go on."
    )
    return BackupDamaged(text % {"name": path.name})


def adopt_ledger(place: Path, key_id: str) -> None:
    """Take over the key and the erasures that the restored database does not know of: they wait to be done again.

    `key_id`: of the key that the backup's digests were made with; empty for a backup that has none.
    """
    folders = sorted(path for path in (place / LEDGER_FOLDER).glob("*") if path.is_dir())
    own = Path(settings.DATA_DIR) / KEY_FILE
    own_id = get_key_id(own.read_text().strip()) if own.exists() else ""
    if not folders:
        return
    # The backup's key if it is there, else this installation's, else any.
    folder = min(folders, key=lambda each: (each.name != key_id, each.name != own_id))
    if (folder / "key").exists():
        (folder / "key").chmod(0o600)
        (folder / "key").replace(own)  # renamed, as a disk that is full by now has no room for a copy
        if settings.STORAGE:
            write_file(KEY_FILE, own.read_bytes())
    known = {str(receipt) for receipt in Erasure.objects.values_list("receipt", flat=True)}
    notes = [json.loads(path.read_text()) for path in folder.glob(NOTES) if path.stem not in known]
    for note in sorted(notes, key=lambda note: note["at"]):
        _queue_known_erasure(note)


@transaction.atomic
def _queue_known_erasure(note: dict[str, Any]) -> None:
    columns = {name: note[name] for name in ("receipt", "kind", "counts")}
    erasure = Erasure.objects.create(**columns, todo={"again": True}, queued_at=get_site_time())
    Erasure.objects.filter(pk=erasure.pk).update(at=datetime.fromisoformat(note["at"]))
    ErasedDigest.objects.bulk_create(
        ErasedDigest(erasure=erasure, kind=kind, digest=digest)
        for kind, digests in note["digests"].items()
        for digest in digests
    )
