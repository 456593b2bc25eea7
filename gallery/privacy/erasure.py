"""Erases a person, photos or a user for good. Never undone; what was removed is on a receipt without names.

The rows go in one transaction: from its commit on no search, page or undo brings anything of them back. Files, index
builds and the database's own remains are cleared by the worker (`privacy.erasure_cleanup`), which a kill at any point
only delays.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.accounts.services import is_last_administrator
from gallery.backup.layout import BackupDamaged, get_backup_folder, list_kept_backups
from gallery.backup.store import is_folder_locked
from gallery.core.exceptions import ActionRefused, EditConflict
from gallery.core.throttling import VERB_UPLOAD_REFUSED
from gallery.faces.decisions import UNNAMED_COLUMNS
from gallery.history.audit import AUDIT_ONLY_VERBS
from gallery.history.changeset import record_event
from gallery.history.locking import lock_person
from gallery.history.redaction import ErasedObjects, delete_admin_log, redact_linked_events, split_sorted_ids
from gallery.index.feed import ChangeKind, get_latest_change_id, record_reference_changes
from gallery.jobs import dispatch
from gallery.models import (
    Candidate,
    Decision,
    Erasure,
    Event,
    Face,
    FaceRejection,
    Invitation,
    NameChange,
    Person,
    Photo,
    Reference,
    ReferenceDraft,
    ReferenceVector,
    User,
)
from gallery.models.accounts import FORMER_USER_NAME
from gallery.models.fields import vector_to_bytes
from gallery.models.people import get_name_key
from gallery.models.querysets import FaceQuerySet
from recognition.types import Embeddings

NEEDLE_BYTES = (
    24  # first bytes of a vector: enough to find it again in a file, too few to recognise anybody by
)
MAX_NEEDLES = 64


@dataclass
class ErasureTodo:
    """What the worker clears once the rows are gone."""

    gone: ErasedObjects
    files: list[str] = field(default_factory=list)  # below MEDIA_ROOT
    person_files: list[str] = field(default_factory=list)  # in the data directory's "exports"
    photos: list[str] = field(default_factory=list)  # SHA-256 of photos whose derived pictures go
    references: list[str] = field(default_factory=list)  # and of references
    builds: dict[str, int] = field(default_factory=dict)  # embedder -> the change a build must contain
    needles: list[bytes] = field(default_factory=list)  # what must not be found in the database's file

    def add_references(self, rows: Iterable[Reference]) -> int:
        """Announce that these references are gone, and note what is left of them; how many vectors they had."""
        found = list(rows)
        record_reference_changes(ChangeKind.ERASED, found)
        self.files += [str(row.image) for row in found]
        self.references += [row.sha256 for row in found]
        self.gone.ids.setdefault("reference", set()).update(row.pk for row in found)
        count = 0
        for some in split_sorted_ids(row.pk for row in found):
            vectors = ReferenceVector.objects.filter(reference__in=some)
            for embedder_id, vector in vectors.values_list("embedder_id", "vector"):
                self.builds[embedder_id] = 0
                self.add_needle(vector)
                count += 1
        self.builds = {embedder_id: get_latest_change_id(embedder_id) for embedder_id in self.builds}
        return count

    def add_needle(self, vector: Embeddings) -> None:
        if len(self.needles) < MAX_NEEDLES:
            self.needles.append(vector_to_bytes(vector)[:NEEDLE_BYTES])

    def as_json(self) -> dict[str, Any]:
        return {
            "gone": self.gone.as_json(),
            "files": self.files,
            "person_files": self.person_files,
            "photos": self.photos,
            "references": self.references,
            "builds": self.builds,
            "needles": [base64.b64encode(needle).decode() for needle in self.needles],
        }


def begin_erasure(
    user: User | None, kind: Erasure.Kind, counts: dict[str, int], todo: ErasureTodo
) -> Erasure:
    """Write the receipt and clear the history of what points to what is gone; in the erasing transaction."""
    counts["events"] = redact_linked_events(todo.gone)
    delete_admin_log(todo.gone)
    erasure = Erasure.objects.create(
        kind=kind,
        counts={name: count for name, count in counts.items() if count},
        backups=describe_kept_backups(),
        todo=todo.as_json(),
        queued_at=timezone.now(),
    )
    record_event(user, f"{kind.value}.erase", None, {"receipt": str(erasure.receipt)})
    dispatch.send_task("erase", erasure.pk)
    return erasure


def note_holding_backups(erasure: Erasure) -> bool:
    """Write down which backups hold what was erased; False while one is being made that may."""
    if is_folder_locked(get_backup_folder()):
        return False
    erasure.backups = describe_kept_backups(before=erasure.at)
    Erasure.objects.filter(pk=erasure.pk).update(backups=erasure.backups)
    return True


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

    Changed, and nothing erased, when the person is not as the page with this revision showed them.
    """
    with transaction.atomic():
        _lock_faces(person, with_likely)  # before the person, as every act on a face does
        held = lock_person(person, revision)
        faces = _lock_faces(held, with_likely)
        todo, counts = _gather_remains(held, faces)
        counts["candidates"] = Candidate.objects.filter(person=held).count()
        counts["rejections"] = FaceRejection.objects.filter(person=held).count()
        asked = _delete_proposals(held)
        _blank_faces(user, [pk for pk, *_ in faces])
        NameChange.objects.filter(Q(old_person=held) | Q(new_person=held)).delete()
        Person.objects.filter(pk=held.pk).delete()
        for some in split_sorted_ids(asked):
            dispatch.send_task("follow_faces", list(some))
        return begin_erasure(user, Erasure.Kind.PERSON, counts, todo)


FaceRows = list[tuple[int, int, Embeddings | None]]  # face, photo, vector


def _lock_faces(person: Person, with_likely: bool) -> FaceRows:
    rows = (
        find_faces_of_person(person, with_likely=with_likely).select_for_update(of=("self",)).order_by("pk")
    )
    return list(rows.values_list("pk", "photo_id", "embedding"))


def find_faces_of_person(person: Person, *, with_likely: bool = False) -> FaceQuerySet:
    """Faces that bear the name; `with_likely`, those that first of all may be the person, too."""
    named = Q(person=person) | Q(pk__in=list_veiled_faces(person), person__isnull=True, is_veiled=True)
    return Face.objects.filter(named | get_likely_faces_filter(person) if with_likely else named)


def list_veiled_faces(person: Person) -> list[int]:
    """Faces that bore the name until recognition was stopped; only the history knows them."""
    events = Event.objects.filter(subjects__object_type="person", subjects__object_id=person.pk)
    said = events.filter(summary__has_key="veiled").values_list("summary", flat=True)
    return sorted({pk for summary in said for pk in summary["veiled"]})


def get_likely_faces_filter(person: Person) -> Q:
    """Nobody has decided, and the person is the first that is proposed."""
    first = Candidate.objects.filter(person=person, rank=0).order_by()
    return Q(pk__in=first.values("face"), decision=Decision.NONE, person__isnull=True)


def _gather_remains(person: Person, faces: FaceRows) -> tuple[ErasureTodo, dict[str, int]]:
    """What there is of the person, before it goes."""
    people = {person.pk, *find_merged_people(person)}
    names = frozenset(find_former_names(person, people))
    face_ids = frozenset(pk for pk, *_ in faces)
    todo = ErasureTodo(ErasedObjects({"person": people}, names, face_ids))
    references = list(Reference.objects.select_for_update().filter(person=person).order_by("pk"))
    vectors = todo.add_references(references)
    for _pk, _photo, vector in faces:
        if vector is not None:
            todo.add_needle(vector)
            vectors += 1
    photos = {photo for _, photo, _ in faces}
    for some in split_sorted_ids(photos):
        todo.photos += Photo.objects.filter(pk__in=some).values_list("sha256", flat=True)
    todo.files += person.drafts.values_list("image", flat=True)
    todo.person_files = list(person.exports.exclude(file="").values_list("file", flat=True))
    counts = {
        "references": len(references),
        "faces": len(faces),
        "photos_with_faces": len(photos),
        "embeddings": vectors,
    }
    return todo, counts


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


def find_former_names(person: Person, people: set[int]) -> set[str]:
    """The name, and those that the person and who was merged into them had; but nobody else's of today."""
    names = {person.name}
    events = Event.objects.filter(object_type="person", object_id__in=people)
    for verb, summary in events.values_list("verb", "summary"):
        kept = str(summary.get("verb", verb))  # an undoing says what it undid
        names |= {str(summary[key]) for key in _get_name_keys(kept) if summary.get(key)}
    others = Person.objects.filter(key__in=[get_name_key(name) for name in names]).exclude(pk=person.pk)
    taken = set(others.values_list("key", flat=True))
    return {name for name in names if get_name_key(name) not in taken}


def _get_name_keys(verb: str) -> tuple[str, ...]:
    return {"person.rename": ("old", "person"), "person.merge": ("source", "person")}.get(verb, ("person",))


def _delete_proposals(person: Person) -> list[int]:
    """Nobody is asked any more whether a face is the person; the faces that were, to be searched again."""
    unsure = Face.objects.unnamed().filter(candidates__person=person)
    asked = list(unsure.distinct().values_list("pk", flat=True))
    Candidate.objects.filter(person=person).delete()
    for some in split_sorted_ids(asked):
        Face.objects.filter(pk__in=some).update(
            state=Face.State.UNKNOWN, similarity=None, reference=None, searched_change=0
        )
    return asked


def _blank_faces(user: User | None, faces: list[int]) -> None:
    for some in split_sorted_ids(faces):
        Candidate.objects.filter(Q(face__in=some) | Q(look_alike__in=some)).delete()
        rows = Face.objects.filter(pk__in=some)
        rows.update(
            **ERASED_FACE_VALUES, decided_by=user, decided_at=timezone.now(), revision=F("revision") + 1
        )
        Face.objects.filter(pk__in=list(some)).mark_duplicate_names()


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
            raise EditConflict(
                ngettext(
                    "This photo is no longer there.",
                    "Some of these photos are no longer there. Nothing was erased.",
                    len(photos),
                )
            )
        faces = list(Face.objects.select_for_update().filter(photo__in=held).order_by("pk"))
        ids, pks = {face.pk for face in faces}, {photo.pk for photo in held}
        todo = ErasureTodo(
            ErasedObjects({"photo": pks, "face": ids}, frozenset(photo.name for photo in held))
        )
        todo.files, todo.photos = [str(photo.file) for photo in held], [photo.sha256 for photo in held]
        embedded = sum(face.embedding is not None for face in faces)
        counts = {"photos": len(held), "faces": len(faces), "embeddings": embedded}
        for face in faces:
            if face.embedding is not None:
                todo.add_needle(face.embedding)
        counts["candidates"] = Candidate.objects.filter(face__photo__in=held).count()
        _erase_references(held, with_references, todo, counts)
        _delete_look_alike_proposals(ids)
        Photo.objects.filter(pk__in=pks).delete()
        return begin_erasure(user, Erasure.Kind.PHOTO, counts, todo)


def find_references_cut_from(photo: Photo) -> QuerySet[Reference]:
    return Reference.objects.filter(source_face__photo=photo).order_by("pk")


def must_lose_references(photo: Photo) -> bool:
    """Whether the references cut from the photo go with it, as nobody else may see them."""
    return photo.album is not None and photo.album.is_limited


def _erase_references(
    held: Sequence[Photo], with_references: bool, todo: ErasureTodo, counts: dict[str, int]
) -> None:
    losing = [photo for photo in held if with_references or must_lose_references(photo)]
    kept = Reference.objects.filter(source_face__photo__in=held).exclude(source_face__photo__in=losing)
    kept.update(source_path="")  # the photo's name
    if not losing:
        return
    rows = Reference.objects.filter(source_face__photo__in=losing).order_by("pk")
    found = list(rows.select_for_update(of=("self",)))
    counts["references"] = len(found)
    counts["embeddings"] += todo.add_references(found)
    for some in split_sorted_ids(row.pk for row in found):
        Reference.objects.filter(pk__in=some).delete()


def _delete_look_alike_proposals(faces: set[int]) -> None:
    """Proposals that rest on a face of this photo go with it; the faces that had them are searched again."""
    for some in split_sorted_ids(faces):
        rests = Q(candidates__look_alike__in=some)
        asked = Face.objects.unnamed().filter(rests).exclude(pk__in=faces)
        pks = sorted(set(asked.values_list("pk", flat=True)))
        Face.objects.filter(pk__in=pks).update(
            state=Face.State.UNKNOWN, similarity=None, reference=None, searched_change=0
        )
        dispatch.send_task("follow_faces", pks)


def erase_user(by: User | None, user: User) -> Erasure:
    """Erase the account. Refused for the last administrator, and for the one that stands for former users."""
    with transaction.atomic():
        held = User.objects.select_for_update().filter(pk=user.pk).first()
        if held is None:
            raise EditConflict(_("This user is no longer there."))
        if held.is_former:
            raise ActionRefused(_("This account stands for former users and holds nothing of anybody."))
        if is_last_administrator(held):
            raise ActionRefused(_("This is the last administrator: name another one first."))
        counts = {"accounts": 1, "sessions": _end_sessions(held)}
        counts["traces"] = _delete_traces(held)
        todo = ErasureTodo(ErasedObjects({"user": {held.pk}}))
        drafts = ReferenceDraft.objects.filter(added_by=held)
        todo.files += drafts.values_list("image", flat=True)
        drafts.delete()
        counts["acts"] = Event.objects.filter(actor=held).count()
        _reassign_rows(held, _get_former_user())
        erasure = begin_erasure(None if by == held else by, Erasure.Kind.USER, counts, todo)
        held.delete()
        return erasure


def _get_former_user() -> User:
    """The account that nobody can sign in to and that stands for everybody who was erased."""
    former, is_new = User.objects.get_or_create(username=FORMER_USER_NAME, defaults={"is_active": False})
    if is_new:
        former.set_unusable_password()
        former.save(update_fields=["password"])
    return former


def _end_sessions(user: User) -> int:
    """All of them: ended ones may still say who it was."""
    ended = 0
    for session in Session.objects.iterator():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()
            ended += 1
    return ended


def _delete_traces(user: User) -> int:
    """Sign-ins with their addresses, what the user saw and took, failed attempts, invitations."""
    own = Q(actor=user) | Q(object_type="user", object_id=user.pk)
    trail = Event.objects.filter(own, verb__in=(*AUDIT_ONLY_VERBS, VERB_UPLOAD_REFUSED))
    count: int = trail.delete()[0]
    for attempts in (AccessAttempt, AccessFailureLog, AccessLog):
        count += attempts.objects.filter(username=user.username).delete()[0]
    invited = Q(used_by=user) | (Q(email__iexact=user.email) if user.email else Q())
    return count + Invitation.objects.filter(invited).delete()[0]


def _reassign_rows(user: User, former: User) -> None:
    """What the user did and made stays, as a former user's."""
    for relation in User._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or isinstance(relation, models.OneToOneRel):
            continue
        if relation.on_delete is None or relation.related_model._meta.auto_created:
            continue  # whose chosen albums, groups: these go
        manager: Any = relation.related_model._base_manager
        manager.filter(**{relation.field.name: user}).update(**{relation.field.name: former})
