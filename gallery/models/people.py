"""People, their references and reference vectors, drafts of references, and person exports."""

from __future__ import annotations

import unicodedata

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models.accounts import User
from gallery.models.base import Work
from gallery.models.clock import get_site_time
from gallery.models.fields import MomentField, VectorField
from gallery.models.labels import MAX_DISTINCTION_LENGTH, format_label, is_born_date
from gallery.models.querysets import PersonQuerySet, ReferenceQuerySet
from recognition.quality import REFERENCE_NOISE, REFERENCE_SHARP, REFERENCE_SIZE

MAX_NAME_LENGTH, MAX_KEY_LENGTH = 200, 400


def clean_name(name: str) -> str:
    """The name as shown: NFC, single spaces, no control characters."""
    kept = "".join(" " if unicodedata.category(sign)[0] == "Z" else sign for sign in name)
    kept = "".join(sign for sign in kept if unicodedata.category(sign)[0] != "C" or sign in "\u200c\u200d")
    return unicodedata.normalize("NFC", " ".join(kept.split()))


def get_name_key(name: str) -> str:
    """What makes two names the same: case and Unicode form do not count."""
    return unicodedata.normalize("NFKC", clean_name(name).casefold())


def get_search_key(text: str) -> str:
    """For finding with or without accents: casefolded, marks removed, đ as d."""
    plain = unicodedata.normalize("NFKD", clean_name(text).casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).replace("đ", "d")


LABEL_COLUMNS = ("name", "distinction", "born", "namesake_number", "key")  # what a label is made of
FORBIDDEN_CHARACTERS = dict.fromkeys(map(ord, '/\\:*?"<>|'), "_")


def get_folder_name(name: str) -> str:
    """The name as a folder on any file system: no separators, no leading dot; "" where nothing is left."""
    return name.translate(FORBIDDEN_CHARACTERS).strip(". ")[:100]


def validate_born(text: str) -> None:
    if text and not is_born_date(text):
        raise ValidationError(_("Write when they were born as 1980, 1980-05 or 1980-05-03."))


def get_name_columns(name: str, distinction: str = "") -> dict[str, str]:
    """A name as the columns of a person; the word that distinguishes them is searched with it."""
    shown, word = clean_name(name), clean_name(distinction)
    search = get_search_key(f"{shown} {word}")
    return {"name": shown, "distinction": word, "key": get_name_key(shown), "search": search}


class Person(models.Model):
    undo_needs_row = True  # see history.changeset
    computed_columns = ("namesake_number",)

    name = models.CharField(_("name"), max_length=MAX_NAME_LENGTH)
    distinction = models.CharField(
        _("told apart by"),
        max_length=MAX_DISTINCTION_LENGTH,
        blank=True,
        help_text=_("A short word that is shown behind the name, such as a class: Anna (4b)."),
    )
    born = models.CharField(
        _("born"),
        max_length=10,
        blank=True,
        help_text=_("A year, a month or a day: 1980, 1980-05 or 1980-05-03."),
    )
    key = models.CharField(max_length=MAX_KEY_LENGTH, db_index=True, editable=False)
    # Among those who have the same name and nothing else to tell them apart; 0 where nobody else has the name.
    namesake_number = models.PositiveIntegerField(default=0, editable=False)
    search = models.CharField(max_length=MAX_KEY_LENGTH, db_index=True, editable=False)
    note = models.TextField(_("note"), blank=True)
    is_hidden = models.BooleanField(_("hidden"), default=False)
    is_recognised = models.BooleanField(_("recognise in photos"), default=True)
    consent_note = models.TextField(_("consent"), blank=True)
    consent_until = models.DateField(_("consent valid until"), null=True, blank=True)  # the last valid day
    lapse_noted = models.DateField(null=True, editable=False)  # the end whose consequences have been drawn
    cover = models.ForeignKey("Reference", models.SET_NULL, null=True, blank=True, related_name="+")
    favourite_of = models.ManyToManyField(
        User, blank=True, related_name="favourite_people", editable=False, verbose_name=_("favourite of")
    )
    created_at = MomentField(auto_now_add=True)
    revision = models.PositiveIntegerField(default=0, editable=False)

    objects = PersonQuerySet.as_manager()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ("search", "pk")

    def __str__(self) -> str:
        return self.label

    mostly_in = ""  # an album, for one reader: see faces.namesakes

    @property
    def label(self) -> str:
        """The name, with what tells this person from others who have it."""
        if self.mostly_in:
            return format_label(self.name, self.mostly_in)
        return format_label(self.name, self.distinction, self.born, self.namesake_number)

    @property
    def is_expired(self) -> bool:
        """Their consent has run out."""
        return self.consent_until is not None and self.consent_until < timezone.localdate(get_site_time())

    @property
    def may_be_recognised(self) -> bool:
        return self.is_recognised and not self.is_expired

    def set_name(self, name: str, distinction: str = "") -> None:
        for column, value in get_name_columns(name, distinction).items():
            setattr(self, column, value)


class OtherName(models.Model):
    """What somebody is called besides: a maiden or stage name, a nickname, the name in another script."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="other_names", verbose_name=_("person"))
    name = models.CharField(_("name"), max_length=MAX_NAME_LENGTH)
    key = models.CharField(max_length=MAX_KEY_LENGTH, db_index=True, editable=False)
    search = models.CharField(max_length=MAX_KEY_LENGTH, editable=False)

    class Meta:
        verbose_name = _("other name")
        verbose_name_plural = _("other names")
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=("person", "key"), name="one_row_per_other_name")]

    def __str__(self) -> str:
        return self.name


# Too small, blurred, noisy, dark or turned to be a reference.
POOR_REFERENCE_Q = (
    models.Q(quality__is_usable=False)
    | models.Q(quality__size__lt=REFERENCE_SIZE)
    | models.Q(quality__sharpness__lt=REFERENCE_SHARP)
    | models.Q(quality__sharpness__gt=REFERENCE_NOISE)
)


def _quality_column(name: str) -> models.GeneratedField:
    """One of the quality's figures as a column; empty where it was not measured."""
    column = f"quality__{name}"
    number = {f"{column}__gte": 0, f"{column}__lt": 1_000_000}
    return models.GeneratedField(
        expression=models.Case(
            models.When(**number, then=Cast(KT(column), models.FloatField())), default=None
        ),
        output_field=models.FloatField(null=True),
        db_persist=True,
    )


class Reference(Work):
    """A curated face crop. Its work is being embedded; its status is the curator's judgement."""

    class Judgement(models.TextChoices):
        PENDING = "pending", _("Pending")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")

    class Doubt(models.TextChoices):
        """Why an imported picture waits for somebody's decision. The next import looks again at the first three."""

        UNSEEN = "unseen", _("The import was stopped before it was compared. Import again.")
        RIVAL = "rival", _("Another face is in the picture, and nothing says whose is meant.")
        NESTED = (
            "nested",
            _("The person's folder holds only folders, each of which may be somebody."),
        )
        UNLIKE = "unlike", _("It does not resemble the person's other pictures.")
        OTHER = "other", _("It resembles somebody else.")

    person = models.ForeignKey(Person, models.CASCADE, related_name="references", verbose_name=_("person"))
    image = models.FileField(max_length=200, unique=True)  # the crop
    sha256 = models.CharField(max_length=64, db_index=True, editable=False)  # of the crop file
    status = models.CharField(
        _("status"), max_length=16, choices=Judgement, default=Judgement.PENDING, db_index=True
    )
    doubt = models.CharField(_("doubt"), max_length=10, choices=Doubt, blank=True, editable=False)
    turn = models.PositiveSmallIntegerField(
        default=0, editable=False
    )  # as the photo had it that it was cut from
    box = models.JSONField(null=True, blank=True)  # [left, top, width, height] in the crop
    landmarks = models.JSONField(null=True, blank=True)  # five [x, y] in the crop
    quality = models.JSONField(null=True, blank=True)  # recognition.types.Quality as a dict
    # The database's own reading of the quality, so that lists and counts need not open it row by row.
    eyes = _quality_column("size")  # pixels between them
    sharpness = _quality_column("sharpness")
    is_usable = models.GeneratedField(
        expression=models.Case(
            models.When(quality__is_usable=True, then=models.Value(True)),
            models.When(quality__is_usable=False, then=models.Value(False)),
            default=None,
        ),
        output_field=models.BooleanField(null=True),
        db_persist=True,
    )
    is_poor = models.GeneratedField(
        expression=models.Case(
            models.When(POOR_REFERENCE_Q, then=models.Value(True)), default=models.Value(False)
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    score = models.FloatField(_("detection score"), null=True, blank=True)
    source_path = models.CharField(_("source"), max_length=1000, blank=True)
    source_sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    # What another program kept of it
    source_columns = models.JSONField(_("came with"), default=dict, blank=True)
    source_face = models.ForeignKey("Face", models.SET_NULL, null=True, blank=True, related_name="+")
    added_by = models.ForeignKey("User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = MomentField(auto_now_add=True)
    revision = models.PositiveIntegerField(default=0, editable=False)

    objects = ReferenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("reference")
        verbose_name_plural = _("references")
        ordering = ("pk",)
        indexes = [
            # With what says whether somebody may see it, so that counting needs no rows; and the id, which
            # PostgreSQL's indexes do not carry by themselves.
            models.Index(fields=("person", "status", "source_face", "id"), name="reference_person"),
            # For counting those of each person: a ninth as large, and in order without a look at the status
            models.Index(
                fields=("person",), condition=models.Q(status="approved"), name="approved_of_person"
            ),
            models.Index(fields=("eyes", "source_face"), name="reference_eyes"),
            models.Index(fields=("sharpness", "source_face"), name="reference_sharpness"),
            models.Index(fields=("is_usable", "source_face"), name="reference_usable"),
            models.Index(fields=("work", "source_face", "id"), name="reference_work"),
            models.Index(
                fields=("status", "source_face", "id"),
                condition=models.Q(is_poor=True),
                name="poor_reference_status",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} #{self.pk}"


class ReferenceVector(models.Model):
    """A reference's embedding under one embedder: unit float32, little-endian."""

    reference = models.ForeignKey(Reference, models.CASCADE, related_name="vectors")
    embedder_id = models.CharField(max_length=40)
    vector = VectorField()
    created_at = MomentField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("reference", "embedder_id"), name="one_vector_per_embedder")
        ]
        indexes = [models.Index(fields=("embedder_id", "reference"))]

    def __str__(self) -> str:
        return f"{self.reference_id} {self.embedder_id}"


class PersonExport(Work):
    """All that is known about one person, as a file kept for a short time. Its work is being put together."""

    is_cache = True  # see history.changeset

    person = models.ForeignKey(Person, models.CASCADE, related_name="exports", verbose_name=_("person"))
    file = models.CharField(max_length=200, blank=True)  # in the data directory's "exports"
    bytes = models.PositiveBigIntegerField(default=0)
    language = models.CharField(max_length=10, default="en")
    asked_by = models.ForeignKey("User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = MomentField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.person} #{self.pk}"


class ReferenceDraft(Work):
    """A picture somebody sent for a person. Its work is being looked at for faces."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="drafts", verbose_name=_("person"))
    image = models.FileField(max_length=200, unique=True)
    sha256 = models.CharField(max_length=64, db_index=True)
    name = models.CharField(max_length=255)
    width = models.PositiveIntegerField()  # upright
    height = models.PositiveIntegerField()
    faces = models.JSONField(default=list)  # box, landmarks, score, quality; in the picture's own pixels
    chosen = models.PositiveSmallIntegerField(null=True, blank=True)  # which of the faces is meant
    drawn = models.JSONField(null=True, blank=True)  # a box to find a face in
    problem = models.CharField(max_length=200, blank=True)  # one of these, put into words by pages
    NO_FACE, SEVERAL_FACES, NO_FACE_IN_BOX = "no face", "several faces", "no face in the box"
    added_by = models.ForeignKey(User, models.CASCADE, related_name="+")
    made_at = MomentField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=("person", "sha256"), name="one_draft_per_picture")]

    def __str__(self) -> str:
        return self.name
