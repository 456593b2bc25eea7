"""Files, derived pictures, the history, exports: each step says whether it could clear all of its kind."""

from __future__ import annotations

from django.conf import settings

from gallery import derived, storage
from gallery.models import Erasure
from gallery.pipeline.exchange import kept
from gallery.scrubbing import Gone, forget_admin_log, forget_bulk_acts, forget_messages, scrub_all


def remove_files(erasure: Erasure) -> bool:
    """Originals, crops and what was exported about a person, gone even if the machine loses power now."""
    for name in erasure.todo["files"]:
        if storage.path(name).exists():
            storage.remove(name)
            storage.sync_folder(storage.path(name).parent)
            count(erasure, "files")
    for name in erasure.todo.get("person_files", ()):
        (settings.DATA_DIR / "exports" / name).unlink(missing_ok=True)
    return True


def remove_pictures(erasure: Erasure) -> bool:
    """Smaller copies and crops made for showing."""
    for sha256 in erasure.todo["photos"]:
        derived.forget_photo(sha256)
    for sha256 in erasure.todo["references"]:
        derived.forget_reference(sha256)
    return True


def clear_history(erasure: Erasure) -> bool:
    """Every event, also those that do not say that they are about what is gone."""
    gone = Gone.from_json(erasure.todo["gone"])
    if gone.names or gone.frozen or any(gone.ids.values()):
        count(erasure, "events", scrub_all(gone))
        forget_admin_log(gone)
        forget_messages(gone)
        return forget_bulk_acts(gone)
    return True


def clear_exports(erasure: Erasure) -> bool:
    """Galleries exported to a folder that is still there."""
    gone = Gone.from_json(erasure.todo["gone"])
    photos = set(gone.names) if "photo" in gone.ids else set()
    erased = kept.Erased(gone.ids.get("person", set()), gone.ids.get("reference", set()), photos)
    if erased.people or erased.references or erased.photos:
        cleared, unreached = kept.clear(erased)
        count(erasure, "exports", cleared)
        erasure.counts |= {"exports_gone": unreached} if unreached else {}
    return True


def count(erasure: Erasure, what: str, more: int = 1) -> None:
    """Add to what the receipt says; stored at once, so that a kill forgets none of it."""
    if more:
        erasure.counts[what] = erasure.counts.get(what, 0) + more
        Erasure.objects.filter(pk=erasure.pk).update(counts=erasure.counts)
