"""What a curator does with what gallery health lists: mends it, or says that all is well. All can be undone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import chores, health
from gallery.health import Matter
from gallery.models import Event, Face, Finding, Person, Reference, User
from gallery.services import history, people, references
from gallery.services.errors import Changed, Refused
from gallery.services.faces import use_as_reference
from gallery.services.history import record
from gallery.services.ledger import Ledger
from gallery.services.locks import who_changed

CHECK = "check_gallery"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom, or which face, an act is about."""

    name: str = ""
    person: Person | None = None
    face: Face | None = None


Mend = Callable[[User, Matter, Chosen], Event | None]


@transaction.atomic
def dismiss(user: User, findings: Iterable[Finding]) -> Event:
    """These are all right: later checks do not bring them up again."""
    ledger = Ledger()
    found = list(findings)
    done = ledger.update(
        Finding.objects.filter(pk__in=[finding.pk for finding in found], dismissed_at__isnull=True),
        dismissed_at=timezone.now(),
        dismissed_by=user,
    )
    subjects = {
        "person": [finding.person_id for finding in found],
        "reference": [finding.reference_id for finding in found if finding.reference_id],
    }
    return record(user, "finding.dismiss", None, {"count": len(done)}, ledger, subjects=subjects)


def check_now(user: User | None = None) -> None:
    """Have the gallery checked by the worker."""
    chores.ask(CHECK, user)


def mend(user: User, kind: str, pk: int, act: str, chosen: Chosen | None = None) -> Event | None:
    """Do one act on one thing of a list; Changed, saying who was first, where it is no longer open.

    Raises Refused where the act makes no sense there, and ImageError when a face cannot be cut out.
    """
    if act not in ACTS:
        raise Refused(_("Choose one of the answers."))
    with transaction.atomic():
        matter = _held(user, kind, pk)
        if act != "add":
            return ACTS[act](user, matter, chosen or Chosen())
    return _add(user, matter, chosen or Chosen())  # cuts a photo, which must not hold others up


def _held(user: User, kind: str, pk: int) -> Matter:
    """The matter as it is now, its rows kept from others until the transaction ends."""
    found = health.find(kind, [pk], user)
    if not found:
        raise Changed(_("This is no longer in question: the gallery has been checked again."))
    matter = found[0]
    concerned = [row.pk for row in (matter.reference, matter.other_reference) if row]
    list(Reference.objects.select_for_update(of=("self",)).filter(pk__in=concerned).order_by("pk"))
    list(Person.objects.select_for_update().filter(pk=matter.person.pk))
    if not health.rows_of(kind, user).filter(pk=pk).exists():
        raise Changed(who_changed(*matter.subject))
    return matter


def _keep(user: User, matter: Matter, chosen: Chosen) -> Event:
    """All is well: it does not come back unless another picture, or another person, is concerned."""
    if matter.finding is not None:
        return dismiss(user, [matter.finding])
    ledger = Ledger()
    kept = Finding(kind=matter.kind, person=matter.person, reference=matter.reference, similarity=0)
    kept.dismissed_at, kept.dismissed_by = timezone.now(), user
    ledger.create(kept)
    kind, pk = matter.subject
    subjects = {"person": [matter.person.pk], kind: [pk]}
    return record(user, "finding.dismiss", None, {"count": 1}, ledger, subjects=subjects)


def _move(user: User, matter: Matter, chosen: Chosen) -> Event | None:
    """To the person it looks like, or to the one who was named."""
    person = chosen.person or (
        people.get_or_create(user, chosen.name) if chosen.name else matter.other_person
    )
    if person is None or matter.reference is None:
        raise Refused(_("Say whose picture it is."))
    if person.pk == matter.person.pk:
        raise Refused(_("It is filed under that name already."))
    references.move(user, [matter.reference], person)
    return _event(matter.reference)


def _reject(user: User, matter: Matter, chosen: Chosen) -> Event | None:
    return _reject_one(user, matter.reference)


def _keep_first(user: User, matter: Matter, chosen: Chosen) -> Event | None:
    return _reject_one(user, matter.other_reference)


def _reject_one(user: User, reference: Reference | None) -> Event | None:
    if reference is None:
        raise Refused(_("There is no picture to reject."))
    references.reject(user, [reference])
    return _event(reference)


def _event(reference: Reference) -> Event | None:
    return history.about("reference", reference.pk).first()


def _again(user: User, matter: Matter, chosen: Chosen) -> Event | None:
    """Have the worker look for the face once more."""
    if matter.reference is None:
        raise Refused(_("There is no picture to look at again."))
    if not references.embed_again(user, Reference.objects.filter(pk=matter.reference.pk)):
        return None  # it waits already
    return _event(matter.reference)


def _add(user: User, matter: Matter, chosen: Chosen) -> Event | None:
    """One more reference, from a face that people have confirmed."""
    if chosen.face is None or chosen.face.person_id != matter.person.pk:
        raise Refused(_("Choose one of the faces shown."))
    return use_as_reference(user, chosen.face)


ACTS: dict[str, Mend] = {
    "keep": _keep,
    "move": _move,
    "reject": _reject,
    "first": _keep_first,
    "second": _reject,
    "again": _again,
    "add": _add,
}
