"""What the last check of the gallery found, for a person to look at."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from gallery.models.people import Person, Reference
from gallery.models.users import User


class Finding(models.Model):
    """Something that may be wrong. A new check replaces all findings but remembers which were dismissed.

    The kinds below the line are read from the references themselves; they have rows only once dismissed.
    """

    class Kind(models.TextChoices):
        WRONG = "wrong", _("Looks like another person")
        UNLIKE = "unlike", _("Unlike the rest of its person")
        DUPLICATE = "duplicate", _("The same picture twice")
        CONFUSABLE = "confusable", _("People who look alike")
        # ----
        POOR = "poor", _("Blurred, tiny or dark")
        FACELESS = "faceless", _("No face found")
        SINGLE = "single", _("A single reference")
        BARE = "bare", _("No reference")

    WORKED_OUT = ("is_outdated",)  # by `health.outdated`, and so no part of what an act did

    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    person = models.ForeignKey(Person, models.CASCADE, related_name="findings", verbose_name=_("person"))
    reference = models.ForeignKey(Reference, models.CASCADE, null=True, related_name="findings")
    other_person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="+")
    other_reference = models.ForeignKey(Reference, models.CASCADE, null=True, related_name="+")
    similarity = models.FloatField(_("similarity"))  # to the other person or reference
    own_similarity = models.FloatField(_("similarity to its own person"), null=True)
    weight = models.FloatField(default=0)  # the worst first
    embedder_id = models.CharField(max_length=40)
    found_at = models.DateTimeField(auto_now_add=True)
    is_outdated = models.BooleanField(default=False, editable=False)  # a reference is moved, or not searched
    dismissed_at = models.DateTimeField(null=True, blank=True)
    dismissed_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("gallery health")
        ordering = ("-weight", "pk")
        indexes = [models.Index(fields=("kind", "-weight"))]

    def __str__(self) -> str:
        return f"{self.kind}: {self.person}"
