"""Erasing a photo: its file, faces and everything derived from them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import ngettext

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
    return erase_photos(user, [photo], with_references=with_references)


def erase_photos(user: User | None, photos: Sequence[Photo], *, with_references: bool = False) -> Erasure:
    """Erase these photos, as one act with one receipt; Changed, and nothing erased, if one is there no more."""
    with transaction.atomic():
        rows = Photo.objects.select_for_update(of=("self",)).select_related("album")
        held = list(rows.filter(pk__in=[photo.pk for photo in photos]).order_by("pk"))
        if len(held) != len(photos):
            raise Changed(
                ngettext(
                    "This photo is no longer there.",
                    "Some of these photos are no longer there. Nothing was erased.",
                    len(photos),
                )
            )
        faces = list(Face.objects.select_for_update().filter(photo__in=held).order_by("pk"))
        ids, pks = {face.pk for face in faces}, {photo.pk for photo in held}
        todo = Todo(Gone({"photo": pks, "face": ids}, frozenset(photo.name for photo in held)))
        todo.files, todo.photos = [photo.file for photo in held], [photo.sha256 for photo in held]
        embedded = sum(face.embedding is not None for face in faces)
        counts = {"photos": len(held), "faces": len(faces), "embeddings": embedded}
        for face in faces:
            if face.embedding is not None:
                todo.add_needle(face.embedding)
        counts["candidates"] = Candidate.objects.filter(face__photo__in=held).count()
        _references(held, with_references, todo, counts)
        _lose_look_alikes(ids)
        Photo.objects.filter(pk__in=pks).delete()
        return begin(user, Erasure.Kind.PHOTO, counts, todo)


def references_of(photo: Photo) -> QuerySet[Reference]:
    return Reference.objects.filter(source_face__photo=photo).order_by("pk")


def must_lose_references(photo: Photo) -> bool:
    """Whether the references cut from the photo go with it, as nobody else may see them."""
    return photo.album is not None and photo.album.is_limited


def _references(held: Sequence[Photo], with_references: bool, todo: Todo, counts: dict[str, int]) -> None:
    losing = [photo for photo in held if with_references or must_lose_references(photo)]
    kept = Reference.objects.filter(source_face__photo__in=held).exclude(source_face__photo__in=losing)
    kept.update(source_path="")  # the photo's name
    if not losing:
        return
    rows = Reference.objects.filter(source_face__photo__in=losing).order_by("pk")
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
