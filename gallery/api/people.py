"""People and their references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.db import transaction
from django.shortcuts import get_object_or_404
from ninja import File, Header, Query, Status, UploadedFile

from gallery.api.base import ApiRequest, api
from gallery.api.photos import hash_upload
from gallery.api.schemas import (
    ActOut,
    IdCursor,
    IdempotencyKey,
    Page,
    PersonIn,
    PersonOut,
    PersonPatch,
    PlaceCursor,
    ReferenceOut,
)
from gallery.core.idempotency import Outcome, do_once
from gallery.core.limits import get_upload_limits
from gallery.core.pagination import PageCursor, paginate_by_id
from gallery.faces.namesakes import tell_namesakes_apart
from gallery.history.audit import record_view
from gallery.history.locking import lock_person
from gallery.models import ApiScope, Person, Reference, Role, User
from gallery.models.labels import LabelParts
from gallery.people.references import send_reference
from gallery.people.selectors import (
    count_photos_by_person,
    count_references_by_person,
    get_people_page,
    list_people,
)
from gallery.people.services import (
    create_person,
    rename_person,
    set_person_born,
    set_person_hidden,
    set_person_note,
)

REFERENCES_PER_PAGE = 50


def show_people(user: User, people: Sequence[Person]) -> list[PersonOut]:
    ids = [person.pk for person in people]
    tell_namesakes_apart(user, people)
    references, photos = count_references_by_person(user, ids), count_photos_by_person(user, ids)
    return [
        PersonOut(
            id=person.pk,
            name=person.name,
            label=person.label,
            distinction=person.distinction,
            born=person.born,
            note=person.note,
            hidden=person.is_hidden,
            revision=person.revision,
            references=references.get(person.pk, 0),
            photos=photos.get(person.pk, 0),
        )
        for person in people
    ]


def show_person(user: User, pk: int) -> PersonOut:
    return show_people(user, [get_object_or_404(Person, pk=pk)])[0]


def show_reference(reference: Reference) -> ReferenceOut:
    return ReferenceOut(
        id=reference.pk,
        status=cast("Any", reference.work),
        reason=reference.failure_text or None,
        judgement=cast("Any", reference.status),
    )


@api.call(
    "GET", "/people", ApiScope.READ, response=Page[PersonOut], tags=["people"], summary="People by name"
)
def find_people(
    request: ApiRequest, q: str = "", cursor: Query[PlaceCursor | None] = None
) -> Page[PersonOut]:
    """`q`: a part of the name, with or without accents."""
    after = PageCursor.read(cursor or "")
    rows, following = get_people_page(list_people(text=q.strip()), after)
    return Page(items=show_people(request.user, rows), next=str(following) if following else None)


@api.call(
    "POST",
    "/people",
    ApiScope.CURATE,
    Role.CONTRIBUTOR,
    response={201: PersonOut},
    tags=["people"],
    summary="A new person",
)
def add_person(request: ApiRequest, person: PersonIn) -> Status[PersonOut]:
    parts = LabelParts(person.name, person.distinction, person.born)
    made = create_person(request.user, parts, person.note, is_another=person.another)
    return Status(201, show_person(request.user, made.pk))


@api.call("GET", "/people/{int:pk}", ApiScope.READ, response=PersonOut, tags=["people"], summary="One person")
def get_person(request: ApiRequest, pk: int) -> PersonOut:
    person = get_object_or_404(Person, pk=pk)
    record_view(request.user, person)
    return show_people(request.user, [person])[0]


@api.call(
    "PATCH",
    "/people/{int:pk}",
    ApiScope.CURATE,
    Role.CURATOR,
    response=PersonOut,
    tags=["people"],
    summary="Rename, hide or describe somebody",
)
def change_person(request: ApiRequest, pk: int, changed: PersonPatch) -> PersonOut:
    user, person = request.user, get_object_or_404(Person, pk=pk)
    with transaction.atomic():  # all or nothing
        lock_person(person, changed.revision)
        if changed.name is not None or changed.distinction is not None:
            name = person.name if changed.name is None else changed.name
            rename_person(user, person, name, distinction=changed.distinction, is_another=changed.another)
        if changed.born is not None:
            set_person_born(user, person, changed.born)
        if changed.note is not None:
            set_person_note(user, person, changed.note)
        if changed.hidden is not None:
            set_person_hidden(user, person, changed.hidden)
    return show_person(user, pk)


@api.call(
    "DELETE",
    "/people/{int:pk}",
    ApiScope.CURATE,
    Role.CURATOR,
    response=ActOut,
    tags=["people"],
    summary="Hide somebody",
)
def hide_person(request: ApiRequest, pk: int) -> ActOut:
    """They are left out of lists and searches, and can be shown again; erasing for good is for the pages."""
    event = set_person_hidden(request.user, get_object_or_404(Person, pk=pk), True)
    return ActOut(event=event.pk if event else None)


@api.call(
    "GET",
    "/people/{int:pk}/references",
    ApiScope.READ,
    response=Page[ReferenceOut],
    tags=["people"],
    summary="A person's references, the newest first",
)
def list_references(
    request: ApiRequest, pk: int, cursor: Query[IdCursor | None] = None
) -> Page[ReferenceOut]:
    rows = Reference.objects.visible_to(request.user).filter(person=get_object_or_404(Person, pk=pk))
    page = paginate_by_id(rows, cursor, REFERENCES_PER_PAGE)
    items = [show_reference(reference) for reference in page.rows]
    return Page(items=items, next=str(page.after) if page.after else None)


@api.call(
    "POST",
    "/people/{int:pk}/references",
    ApiScope.CURATE,
    Role.CONTRIBUTOR,
    takes_files=True,
    response={200: ReferenceOut, 201: ReferenceOut},
    tags=["people"],
    summary="Send a picture of a person",
)
def add_person_reference(
    request: ApiRequest,
    pk: int,
    file: File[UploadedFile],
    idempotency_key: Header[IdempotencyKey | None] = None,
) -> Status[ReferenceOut]:
    """201 for a new reference, whose face a worker will find; 200 where the same picture is one already."""
    person = get_object_or_404(Person, pk=pk)

    def add() -> Outcome:
        content = file.read(get_upload_limits().bytes + 1)
        reference, is_new = send_reference(request.user, person, content, file.name or "")
        return Outcome(201 if is_new else 200, reference.pk)

    if idempotency_key:
        outcome = do_once(request.auth, idempotency_key, hash_upload(file, "reference", pk), add)
    else:
        outcome = add()
    reference = get_object_or_404(Reference.objects.visible_to(request.user), pk=outcome.object_id)
    return Status(outcome.status, show_reference(reference))
