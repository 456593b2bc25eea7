"""Erases a person, photos or a user for good. Never undone; what was removed is on a receipt without names.

The rows go in one transaction: from its commit on no search, page or undo brings anything of them back. Files, index
builds and the database's own remains are cleared by the worker (`privacy.erasure_cleanup`), which a kill at any point
only delays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.accounts.services import is_last_administrator, sign_out_everywhere
from gallery.backup.errors import BackupDamaged
from gallery.backup.layout import list_kept_backups
from gallery.backup.ledger import note_erasures
from gallery.core.erased import describe_row
from gallery.core.exceptions import ActionRefused, EditConflict
from gallery.core.throttling import VERB_UPLOAD_REFUSED
from gallery.faces.decisions import UNNAMED_COLUMNS
from gallery.faces.namesakes import number_namesakes
from gallery.history.audit import AUDIT_ONLY_VERBS
from gallery.history.changeset import record_event
from gallery.history.erased import save_digests
from gallery.history.locking import (
    ADMINISTRATORS,
    ERASING,
    hold_words,
    lock_for_removal,
    lock_people_with_faces,
    lock_person,
)
from gallery.history.redaction import ErasedObjects, delete_admin_log, redact_linked_events, split_sorted_ids
from gallery.jobs import dispatch
from gallery.models import (
    ApiKey,
    Candidate,
    Companion,
    Decision,
    ErasedDigest,
    Erasure,
    Event,
    Face,
    FaceRejection,
    Invitation,
    NameChange,
    NameInFile,
    Person,
    Photo,
    PhotoCopy,
    Reference,
    ReferenceDraft,
    User,
)
from gallery.models.accounts import FORMER_USER_NAME
from gallery.models.clock import get_site_time
from gallery.models.labels import format_label
from gallery.models.people import get_name_key, get_search_key
from gallery.models.querysets import FaceQuerySet
from gallery.privacy.erasure_todo import ErasureTodo

Kind = ErasedDigest.Kind


def begin_erasure(user: User | None, kind: Erasure.Kind, todo: ErasureTodo) -> Erasure:
    """Write the receipt and clear the history of what points to what is gone; in the erasing transaction."""
    todo.counts["events"] = redact_linked_events(todo.gone)
    delete_admin_log(todo.gone)
    erasure = Erasure.objects.create(
        kind=kind,
        counts=dict(+todo.counts),  # without those of 0
        backups=describe_kept_backups(),
        todo=todo.as_json(),
        queued_at=get_site_time(),
    )
    save_digests(erasure, todo.digests)
    transaction.on_commit(note_erasures)
    record_event(user, f"{kind.value}.erase", None, {"receipt": str(erasure.receipt)})
    dispatch.send_task("erase", erasure.pk)
    return erasure


def describe_kept_backups(before: datetime | None = None) -> list[dict[str, str | None]]:
    """When each kept backup was made and goes; one without a date where that cannot be told."""
    try:
        found = [kept for kept in list_kept_backups() if before is None or kept.made_at <= before]
    except (BackupDamaged, OSError):
        return [{"made_at": None, "until": None}]
    return [
        {
            "made_at": kept.made_at.isoformat(),
            "until": kept.expires_at.isoformat() if kept.expires_at else None,
        }
        for kept in found
    ]


def _withdraw_proposals(proposals: QuerySet[Candidate]) -> None:
    """Nobody is asked about these any more; the faces that had them are unknown, and are searched again."""
    asked = Face.objects.unnamed().filter(candidates__in=proposals).distinct()
    faces = list(asked.values_list("pk", flat=True))
    proposals.delete()
    for some in split_sorted_ids(faces):
        Face.objects.filter(pk__in=some).update(
            state=Face.State.UNKNOWN, similarity=None, reference=None, searched_change=0
        )
        dispatch.send_task("follow_faces", list(some))


# A face that nobody can be recognised by again; that it is drawn, and where, stays.
ERASED_FACE_VALUES: dict[str, Any] = {
    **UNNAMED_COLUMNS,
    "decision": Decision.IGNORED,
    "is_erased": True,
    "is_twice": False,
    "is_usable": False,
    "embedding": None,
    "embedder_id": "",
    "embedded_at": None,
    "landmarks": None,
    "quality": {"is_usable": False, "reason": "erased"},
    "cluster": None,
}


def erase_person(
    user: User | None, person: Person, *, with_likely: bool = False, revision: int | None = None
) -> Erasure:
    """Erase the person; `with_likely`: also the faces that a machine only takes to be theirs, unsurely.

    EditConflict, and nothing erased, when the person is not as the page with this revision showed them.
    """
    with transaction.atomic():
        hold_words(ERASING)
        lock_people_with_faces(person)
        held = lock_person(person, revision)
        faces = _lock_faces(held, with_likely)
        lock_for_removal(held)
        people = {held.pk, *find_merged_people(held)}
        face_ids = frozenset(face.pk for face in faces)
        todo = ErasureTodo(ErasedObjects({"person": people}, find_former_names(held, people), face_ids))
        todo.add_digests(Kind.NAME, (get_search_key(name) for name in todo.gone.names))
        todo.add_digests(
            Kind.ROW, [describe_row("person", held.pk, held.created_at), *_list_merged_rows(people)]
        )
        todo.add_references(Reference.objects.filter(person=held))
        todo.add_digests(Kind.ROW, (describe_row("face", face.pk, face.created_at) for face in faces))
        todo.add_faces(faces)
        photos = {face.photo_id for face in faces}
        for some in split_sorted_ids(photos):
            todo.photos += Photo.objects.filter(pk__in=some).values_list("sha256", flat=True)
        todo.files += held.drafts.values_list("image", flat=True)
        todo.add_digests(Kind.FILE, held.drafts.values_list("sha256", flat=True))
        todo.person_files += held.exports.exclude(file="").values_list("file", flat=True)
        proposals = Candidate.objects.filter(person=held)
        todo.counts["photos_with_faces"] = len(photos)
        todo.counts["candidates"] = proposals.count()
        todo.counts["rejections"] = FaceRejection.objects.filter(person=held).count()
        _withdraw_proposals(proposals)
        _forget_faces(user, face_ids)
        for some in split_sorted_ids(photos):
            others = Face.objects.filter(photo__in=some, is_erased=False).exclude(
                decision=Decision.NOT_A_FACE
            )
            alone = Photo.objects.filter(pk__in=some).exclude(pk__in=others.values("photo"))
            todo.add_digests(Kind.FILE, alone.values_list("sha256", flat=True))
        NameInFile.objects.filter(key__in=todo.gone.keys).delete()
        NameChange.objects.filter(Q(old_person=held) | Q(new_person=held)).delete()
        Person.objects.filter(pk=held.pk).delete()
        number_namesakes([held.key])
        return begin_erasure(user, Erasure.Kind.PERSON, todo)


def _forget_faces(user: User | None, face_ids: Iterable[int]) -> None:
    for some in split_sorted_ids(face_ids):
        Candidate.objects.filter(Q(face__in=some) | Q(look_alike__in=some)).delete()
        rows = Face.objects.filter(pk__in=some)
        rows.update(
            **ERASED_FACE_VALUES, decided_by=user, decided_at=get_site_time(), revision=F("revision") + 1
        )
        rows.mark_duplicate_names()


@transaction.atomic
def erase_parts(references: QuerySet[Reference], faces: QuerySet[Face]) -> Erasure:
    """Erase what a restored backup has of somebody erased, where other people or nobody had it then."""
    hold_words(ERASING)
    held = list(faces.select_for_update().order_by("pk"))
    ids = frozenset(face.pk for face in held)
    todo = ErasureTodo(ErasedObjects(frozen=ids))
    for some in split_sorted_ids(todo.add_references(references)):
        Reference.objects.filter(pk__in=some).delete()
    todo.add_faces(held)
    for some in split_sorted_ids({face.photo_id for face in held}):
        todo.photos += Photo.objects.filter(pk__in=some).values_list("sha256", flat=True)
    _forget_faces(None, ids)
    return begin_erasure(None, Erasure.Kind.PERSON, todo)


def _list_merged_rows(people: set[int]) -> Iterator[str]:
    """The rows of people who were found to be one of these: backups made before that have them."""
    subjects = Q(subjects__object_type="person", subjects__object_id__in=people)
    for event in Event.objects.filter(subjects, verb="person.merge").distinct():
        for group in (event.undo or {}).get("rows", ()):
            if group["model"] == "person" and group["after"] is None and group["ids"][0] in people:
                yield describe_row("person", group["ids"][0], group["before"]["created_at"])


def _lock_faces(person: Person, with_likely: bool) -> list[Face]:
    faces = find_faces_of_person(person, with_likely=with_likely).only(
        "photo", "embedding", "embedder_id", "created_at"
    )
    return list(faces.select_for_update(of=("self",)).order_by("pk"))


def find_faces_of_person(person: Person, *, with_likely: bool = False) -> FaceQuerySet:
    """Faces that bear the name, or would but for another face of their photo; `with_likely`, those that first of all
    may be the person, too.

    Those that bore it until recognition was stopped are among them; only the history knows which they are.
    """
    events = Event.objects.filter(subjects__object_type="person", subjects__object_id=person.pk)
    said = events.filter(summary__has_key="veiled").values_list("summary", flat=True)
    veiled = sorted({pk for summary in said for pk in summary["veiled"]})
    named = Q(person=person) | Q(pk__in=veiled, person__isnull=True, is_veiled=True)
    likely = get_likely_faces_filter(person)
    return Face.objects.filter(named | (likely if with_likely else likely & Q(is_twice=True)))


def get_likely_faces_filter(person: Person) -> Q:
    """Nobody has decided, and the person is the first that is proposed."""
    first = Candidate.objects.filter(person=person, rank=0).order_by()
    return Q(pk__in=first.values("face"), decision=Decision.NONE, person__isnull=True)


def find_merged_people(person: Person) -> set[int]:
    """Numbers of people who were found to be this one, and are no more."""
    found: set[int] = set()
    fresh = {person.pk}
    while fresh:
        merges = Event.objects.filter(verb="person.merge", object_type="person", object_id__in=fresh)
        subjects = merges.filter(undone_at=None, subjects__object_type="person")
        fresh = set(subjects.values_list("subjects__object_id", flat=True)) - found - {person.pk}
        fresh -= set(Person.objects.filter(pk__in=fresh).values_list("pk", flat=True))
        found |= fresh
    return found


def find_former_names(person: Person, people: set[int]) -> frozenset[str]:
    """The names and labels, other names among them, that the person and who was merged into them had.

    Nobody else's names of today are among these.
    """
    earlier = {"person.rename": "old", "person.merge": "source"}
    names = {person.name, format_label(person.name, person.distinction)}
    events = Event.objects.filter(object_type="person", object_id__in=people)
    for verb, summary in events.values_list("verb", "summary"):
        key = earlier.get(str(summary.get("verb", verb)), "person")  # an undoing says what it undid
        names |= {str(summary[each]) for each in (key, "person") if summary.get(each)}
    names |= set(person.other_names.values_list("name", flat=True))
    for undo in events.filter(verb="person.other_names").values_list("undo", flat=True):
        rows = [group["before"] for group in (undo or {}).get("rows", ()) if group["model"] == "othername"]
        names |= {row["name"] for row in rows if row}
    others = Person.objects.filter(key__in=[get_name_key(name) for name in names]).exclude(pk=person.pk)
    taken = set(others.values_list("key", flat=True))
    return frozenset(name for name in names if get_name_key(name) not in taken)


def erase_photos(user: User | None, photos: Sequence[Photo], *, with_references: bool = False) -> Erasure:
    """Erase these photos, as one act with one receipt; EditConflict, and nothing erased, if one is there no more.

    `with_references`: also the references that were cut from them. They stay otherwise: they belong to their
    people. But those cut from a photo that is not for everybody always go with it, since nothing would keep them
    from others afterwards.
    """
    with transaction.atomic():
        hold_words(ERASING)
        faces_there = Face.objects.filter(photo__in=[photo.pk for photo in photos]).order_by("pk")
        # Before the photos, as every act on a face does
        list(faces_there.select_for_update().values_list("pk"))
        rows = Photo.objects.select_for_update()
        held = list(rows.filter(pk__in=[photo.pk for photo in photos]).order_by("pk"))
        if len(held) != len(photos):
            raise EditConflict(
                ngettext(
                    "This photo is no longer there.",
                    "Some of these photos are no longer there. Nothing was erased.",
                    len(photos),
                )
            )
        faces = list(Face.objects.select_for_update().filter(photo__in=held).order_by("pk"))
        companions = list(Companion.objects.filter(photo__in=held))
        ids = {
            "photo": {photo.pk for photo in held},
            "face": {face.pk for face in faces},
            "companion": {companion.pk for companion in companions},
        }
        names = frozenset([photo.name for photo in held] + [companion.name for companion in companions])
        todo = ErasureTodo(ErasedObjects(ids, names))
        todo.add_digests(Kind.FILE, (photo.sha256 for photo in held))
        copies = PhotoCopy.objects.filter(photo__in=held)
        todo.add_digests(Kind.FILE, copies.values_list("sha256", flat=True))
        todo.add_digests(Kind.FILE, (companion.sha256 for companion in companions))
        todo.add_digests(Kind.ROW, (describe_row("photo", photo.pk, photo.added_at) for photo in held))
        todo.files = [str(photo.file) for photo in held] + [str(companion.file) for companion in companions]
        todo.photos = [photo.sha256 for photo in held]
        todo.add_faces(faces)
        todo.counts["photos"] = len(held)
        todo.counts["candidates"] = Candidate.objects.filter(face__photo__in=held).count()
        cut = Reference.objects.filter(source_face__photo__in=held)
        limited = Photo.objects.limited().values("pk")
        losing = cut if with_references else cut.filter(source_face__photo__in=limited)
        for some in split_sorted_ids(todo.add_references(losing)):
            Reference.objects.filter(pk__in=some).delete()
        cut.update(source_path="")  # the photo's name, in those that stay
        _withdraw_proposals(
            Candidate.objects.filter(look_alike__photo__in=held).exclude(face__photo__in=held)
        )
        Photo.objects.filter(pk__in=ids["photo"]).delete()
        return begin_erasure(user, Erasure.Kind.PHOTO, todo)


def erase_user(by: User | None, user: User) -> Erasure:
    """Erase the account. Refused for the last administrator, and for the one that stands for former users."""
    with transaction.atomic():
        hold_words(ERASING)
        hold_words(ADMINISTRATORS)
        held = User.objects.select_for_update().filter(pk=user.pk).first()
        if held is None:
            raise EditConflict(_("This user is no longer there."))
        if held.is_former:
            raise ActionRefused(_("This account stands for former users and holds nothing of anybody."))
        if is_last_administrator(held):
            raise ActionRefused(_("This is the last administrator: name another one first."))
        todo = ErasureTodo(ErasedObjects({"user": {held.pk}}))
        todo.add_digests(Kind.ROW, [describe_row("user", held.pk, held.date_joined)])
        todo.counts.update(
            accounts=1, sessions=sign_out_everywhere(held, also_ended=True), traces=_delete_traces(held)
        )
        drafts = ReferenceDraft.objects.filter(added_by=held)
        todo.files += drafts.values_list("image", flat=True)
        drafts.delete()
        todo.counts["acts"] = Event.objects.filter(actor=held).count()
        _give_to_former_user(held)
        erasure = begin_erasure(None if by == held else by, Erasure.Kind.USER, todo)
        held.delete()
        return erasure


def _delete_traces(user: User) -> int:
    """Sign-ins with their addresses, what the user saw and took, failed attempts, API keys, invitations."""
    own = Q(actor=user) | Q(object_type="user", object_id=user.pk)
    trail = Event.objects.filter(own, verb__in=(*AUDIT_ONLY_VERBS, VERB_UPLOAD_REFUSED))
    count: int = trail.delete()[0]
    for attempts in (AccessAttempt, AccessFailureLog, AccessLog):
        count += attempts.objects.filter(username=user.username).delete()[0]
    count += ApiKey.objects.filter(user=user).delete()[0]
    invited = Q(used_by=user) | (Q(email__iexact=user.email) if user.email else Q())
    return count + Invitation.objects.filter(invited).delete()[0]


def _give_to_former_user(user: User) -> None:
    """What the user did and made stays, under the account that nobody can sign in to."""
    former, is_new = User.objects.get_or_create(username=FORMER_USER_NAME, defaults={"is_active": False})
    if is_new:
        former.set_unusable_password()
        former.save(update_fields=["password"])
    for relation in User._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or isinstance(relation, models.OneToOneRel):
            continue
        if relation.on_delete is None or relation.related_model._meta.auto_created:
            continue  # whose chosen albums, groups: these go
        manager: Any = relation.related_model._base_manager
        manager.filter(**{relation.field.name: user}).update(**{relation.field.name: former})
