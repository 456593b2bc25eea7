"""Reads for gallery health: what a curator should look at. Findings come from a check in the worker."""

from __future__ import annotations

from django.db.models import Count, Q, QuerySet

from gallery.models import Finding, Person, Reference, Status
from recognition.quality import REFERENCE_NOISE, REFERENCE_SHARP, REFERENCE_SIZE

Judgement = Reference.Judgement
Kind = Finding.Kind


def open_findings(kind: str | None = None) -> QuerySet[Finding]:
    """What the last check found and nobody has dismissed, the worst first."""
    found = Finding.objects.filter(dismissed_at__isnull=True)
    found = found.select_related("person", "other_person", "reference", "other_reference")
    return found.filter(kind=kind) if kind else found


def people_with_one_reference() -> QuerySet[Person]:
    """People who are recognised by a single picture: nothing backs it up."""
    return _people_with(1)


def people_without_reference() -> QuerySet[Person]:
    """People whom no photo can be matched to."""
    return _people_with(0)


def _people_with(references: int) -> QuerySet[Person]:
    approved = Count("references", filter=Q(references__status=Judgement.APPROVED))
    return Person.objects.filter(is_recognised=True).alias(approved=approved).filter(approved=references)


def poor_references() -> QuerySet[Reference]:
    """Approved references that are too small, blurred, noisy, dark or turned to be one."""
    poor = Q(quality__is_usable=False) | Q(quality__size__lt=REFERENCE_SIZE)
    poor |= Q(quality__sharpness__lt=REFERENCE_SHARP) | Q(quality__sharpness__gt=REFERENCE_NOISE)
    return Reference.objects.filter(poor, status=Judgement.APPROVED).select_related("person")


def faceless_references() -> QuerySet[Reference]:
    """References in which no face was found, or whose picture could not be read."""
    return Reference.objects.filter(work=Status.FAILED).select_related("person")


def counts() -> dict[str, int]:
    """How much there is to look at, by list: the kinds of finding, and single, poor, faceless."""
    found = dict.fromkeys(Kind.values, 0)
    rows = Finding.objects.filter(dismissed_at__isnull=True).values_list("kind").annotate(number=Count("pk"))
    found |= dict(rows.order_by("kind"))
    return found | {
        "single": people_with_one_reference().count(),
        "poor": poor_references().count(),
        "faceless": faceless_references().count(),
    }
