"""Who may be recognised today, and where: the one place where it is decided.

A person may be recognised unless somebody has said no, or their consent has run out. The date alone counts:
nothing needs to have run since midnight. A photo may be looked at unless it or its album says no.
"""

from __future__ import annotations

from datetime import date

from django.db.models import Q
from django.utils import timezone

from gallery.models import Decision, Face


def today() -> date:
    """The day it is where the site is."""
    return timezone.localdate()


def recognisable(path: str = "") -> Q:
    """A condition on people, or on rows that reach a person by `path`: "person", "reference__person"."""
    before = f"{path}__" if path else ""
    lasting = Q(**{f"{before}consent_until__isnull": True}) | Q(**{f"{before}consent_until__gte": today()})
    return Q(**{f"{before}is_recognised": True}) & lasting


def masked(path: str = "") -> Q:
    """The opposite of `recognisable`; rows without a person are neither."""
    before = f"{path}__" if path else ""
    return Q(**{f"{before}is_recognised": False}) | Q(**{f"{before}consent_until__lt": today()})


def expired() -> Q:
    """People who would be recognised but for a consent that has run out."""
    return Q(is_recognised=True, consent_until__lt=today())


def closed(path: str = "") -> Q:
    """A condition on photos, or on rows that reach one by `path`, in which nobody may be recognised."""
    before = f"{path}__" if path else ""
    return Q(**{f"{before}is_recognised": False}) | Q(**{f"{before}album__is_recognised": False})


def keeps_no_vector(face: Face) -> bool:
    """Whether this face must not be made comparable: it is, or was, somebody's who may not be recognised."""
    if face.decision == Decision.CONFIRMED and face.person is not None:
        return not face.person.may_be_recognised
    return face.is_veiled and face.decision == Decision.NONE
