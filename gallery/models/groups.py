"""Groups of people: a class, a choir, a family; and who belongs to them, from when to when."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from gallery.models.people import Person


class PeopleGroup(models.Model):
    undo_needs_row = True  # see history.changeset

    name = models.CharField(_("name"), max_length=200)
    search = models.CharField(max_length=400, db_index=True, editable=False)
    note = models.TextField(_("note"), blank=True)
    members = models.ManyToManyField(Person, through="Membership", related_name="groups")
    revision = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("group of people")
        verbose_name_plural = _("groups of people")
        ordering = ("search", "pk")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    group = models.ForeignKey(PeopleGroup, models.CASCADE, related_name="memberships")
    person = models.ForeignKey(Person, models.CASCADE, related_name="memberships")
    since = models.DateField(_("from"), null=True, blank=True)  # the first day, where it is known
    until = models.DateField(_("to"), null=True, blank=True)  # the last day

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(fields=("group", "person"), name="one_membership_per_person"),
            models.CheckConstraint(
                condition=Q(since__isnull=True) | Q(until__isnull=True) | Q(since__lte=F("until")),
                name="membership_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.person}"


def member_on_q(day: date | None) -> Q:
    """A condition on memberships: they hold on this day, or, where none is known, ever."""
    if day is None:
        return Q()
    begun = Q(since__isnull=True) | Q(since__lte=day)
    return begun & (Q(until__isnull=True) | Q(until__gte=day))
