"""Erasing a photo: its file, faces and everything derived from them."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from gallery import queue
from gallery.models import Candidate, Decision, Erasure, Face, Photo, Reference, User
from gallery.scrubbing import Gone, chunks
from gallery.services.erasing.begun import Todo, begin
from gallery.services.errors import Changed


def erase_photo(user: User | None, photo: Photo, *, with_references: bool = False) -> Erasure:
    """Erase the photo; `with_references`: also the references that were cut from it.

    References stay otherwise: they belong to their people. But those cut from a photo in an album for chosen
    users always go with it, since nothing would keep them from others afterwards.
    """
    with transaction.atomic():
        held = (
            Photo.objects.select_for_update(of=("self",)).select_related("album").filter(pk=photo.pk).first()
        )
        if held is None:
            raise Changed(_("This photo is no longer there."))
        faces = list(Face.objects.select_for_update().filter(photo=held).order_by("pk"))
        ids = {face.pk for face in faces}
        todo = Todo(Gone({"photo": {held.pk}, "face": ids}, frozenset({held.name})))
        todo.files, todo.photos = [held.file], [held.sha256]
        counts = {"photos": 1, "faces": len(faces), "embeddings": sum(f.embedding is not None for f in faces)}
        for face in faces:
            if face.embedding is not None:
                todo.add_needle(face.embedding)
        counts["candidates"] = Candidate.objects.filter(face__photo=held).count()
        _references(held, with_references, todo, counts)
        _lose_look_alikes(ids)
        Photo.objects.filter(pk=held.pk).delete()
        return begin(user, Erasure.Kind.PHOTO, counts, todo)


def references_of(photo: Photo) -> QuerySet[Reference]:
    return Reference.objects.filter(source_face__photo=photo).order_by("pk")


def must_lose_references(photo: Photo) -> bool:
    """Whether the references cut from the photo go with it, as nobody else may see them."""
    return photo.album is not None and photo.album.is_limited


def _references(photo: Photo, with_references: bool, todo: Todo, counts: dict[str, int]) -> None:
    rows = references_of(photo)
    if not (with_references or must_lose_references(photo)):
        rows.update(source_path="")  # the photo's name
        return
    found = list(rows.select_for_update(of=("self",)))
    counts["references"] = len(found)
    counts["embeddings"] += todo.add_references(found)
    for some in chunks(row.pk for row in found):
        Reference.objects.filter(pk__in=some).delete()


def _lose_look_alikes(faces: set[int]) -> None:
    """Proposals that rest on a face of this photo go with it; the faces that had them are searched again."""
    for some in chunks(faces):
        rests = Q(candidates__look_alike__in=some)
        asked = Face.objects.filter(rests, decision=Decision.NONE, person__isnull=True).exclude(pk__in=faces)
        pks = sorted(set(asked.values_list("pk", flat=True)))
        Face.objects.filter(pk__in=pks).update(
            state=Face.State.UNKNOWN, similarity=None, reference=None, searched_change=0
        )
        queue.send("follow_faces", pks)
