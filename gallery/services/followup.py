"""What must follow an act on faces and references, whether it was done or taken back."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Q

from gallery import changes, queue
from gallery.models import Decision, Face, GalleryChange, Reference
from gallery.services.ledger import Ledger, chunks

NAMED = Q(person__isnull=False) & ~Q(decision__in=(Decision.IGNORED, Decision.NOT_A_FACE))


def after(ledger: Ledger) -> None:
    """Searches follow moved references, doubled names are marked anew, look-alikes are searched again."""
    for some in chunks(ledger.changed("reference", "person_id")):
        changes.record(GalleryChange.Kind.MOVED, Reference.objects.filter(pk__in=some))
    for some in chunks(ledger.changed("reference", "status")):
        _announce_judged(some)
    faces = ledger.touched("face")
    for some in chunks(faces):
        mark_twice(some)
        queue.send("search_faces", list(some))
    named = ledger.changed("face", "decision")
    for some in chunks(named):
        queue.send("spread_names", list(some))


def _announce_judged(references: Sequence[int]) -> None:
    found = Reference.objects.filter(pk__in=references)
    approved = found.filter(status=Reference.Judgement.APPROVED)
    changes.record(GalleryChange.Kind.ADDED, approved)
    changes.record(GalleryChange.Kind.REMOVED, found.exclude(status=Reference.Judgement.APPROVED))


def mark_twice(faces: Sequence[int]) -> None:
    """Say anew, for all faces of these faces' photos, whether their name stands twice in the photo."""
    photos = Face.objects.filter(pk__in=faces).values("photo_id")
    twice = (
        Face.objects.filter(NAMED, photo_id__in=photos)
        .values("photo_id", "person_id")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
        .values_list("photo_id", "person_id")
    )
    doubled = Q(pk__in=[])
    for photo, person in twice:
        doubled |= Q(photo_id=photo, person_id=person)
    of_photos = Face.objects.filter(photo_id__in=photos)
    of_photos.filter(is_twice=True).exclude(NAMED & doubled).update(is_twice=False)
    of_photos.filter(NAMED & doubled, is_twice=False).update(is_twice=True)
