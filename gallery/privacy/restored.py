"""Erases again what a restored backup has brought back, by the digests of the ledger beside the backups."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Model, QuerySet

from gallery.core.erased import compute_digests, describe_row
from gallery.history.changeset import record_event
from gallery.models import ErasedDigest, Erasure, Face, Person, Photo, Reference, User
from gallery.privacy.erasure import erase_parts, erase_person, erase_photos, erase_user

Kind = ErasedDigest.Kind
MADE_AT_COLUMNS: dict[type[Model], str] = {
    Person: "created_at",
    Reference: "created_at",
    Face: "created_at",
    Photo: "added_at",
    User: "date_joined",
}


@transaction.atomic
def erase_again(erasure: Erasure) -> None:
    """Erase what is here of it, each part with a receipt of its own. ActionRefused for the last administrator."""
    digests = erasure.digests.filter(kind=Kind.ROW).values_list("digest", flat=True)
    found = {model: _find_rows(model, set(digests)) for model in MADE_AT_COLUMNS}
    made = [erase_person(None, person) for person in Person.objects.filter(pk__in=found[Person])]
    if found[Photo]:
        photos = list(Photo.objects.filter(pk__in=found[Photo]))
        made.append(erase_photos(None, photos, with_references=bool(found[Reference])))
    made += [erase_user(None, user) for user in User.objects.filter(pk__in=found[User])]
    references = Reference.objects.filter(pk__in=found[Reference])
    faces = Face.objects.filter(pk__in=found[Face], is_erased=False)
    if references.exists() or faces.exists():
        made.append(erase_parts(references, faces))
    Erasure.objects.filter(pk=erasure.pk).update(todo={})
    erasure.todo = {}
    if made:
        summary = {"receipt": str(erasure.receipt), "again": [str(each.receipt) for each in made]}
        record_event(None, "erase.again", erasure, summary)


def _find_rows(model: type[Model], digests: set[str]) -> list[int]:
    rows: QuerySet[Model] = model._default_manager.all()
    name = model._meta.model_name or ""
    times = rows.values_list("pk", MADE_AT_COLUMNS[model]).iterator()
    numbers = {describe_row(name, pk, made_at): pk for pk, made_at in times}
    return [numbers[value] for value, digest in compute_digests(Kind.ROW, numbers) if digest in digests]
