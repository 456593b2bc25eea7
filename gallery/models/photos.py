"""Albums, share links, photos, faces, and what was decided about them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from gallery.models.accounts import User
from gallery.models.base import Work
from gallery.models.fields import MomentField, VectorField
from gallery.models.people import MAX_KEY_LENGTH, MAX_NAME_LENGTH, Person, Reference
from gallery.models.querysets import AlbumQuerySet, FaceQuerySet, PhotoQuerySet
from recognition.images import Turned
from recognition.types import Box


class PhotoOrder(models.TextChoices):
    LATEST = "", _("By date, newest first")
    TAKEN = "taken", _("By date, oldest first")
    ADDED = "added", _("Last added first")
    HAND = "hand", _("By hand")


class Album(models.Model):
    """Photos of one event or trip."""

    undo_optional_fields = ("cover",)  # see history.changeset

    name = models.CharField(_("name"), max_length=200)
    search = models.CharField(max_length=400, db_index=True, editable=False, default="")
    date = models.DateField(_("date"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True)
    order = models.CharField(
        _("order of the photos"), max_length=8, choices=PhotoOrder, default=PhotoOrder.LATEST, blank=True
    )
    cover = models.ForeignKey("Photo", models.SET_NULL, null=True, blank=True, related_name="+")
    is_limited = models.BooleanField(_("only for chosen users"), default=False)
    members = models.ManyToManyField(User, blank=True, related_name="albums", verbose_name=_("chosen users"))
    is_recognised = models.BooleanField(_("recognise faces"), default=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = MomentField(auto_now_add=True)

    objects = AlbumQuerySet.as_manager()

    class Meta:
        verbose_name = _("album")
        verbose_name_plural = _("albums")
        ordering = ("-date", "-pk")

    def __str__(self) -> str:
        return self.name


class ShareLink(models.Model):
    """An unguessable, expiring, revocable address for one album; only the token's hash is kept."""

    album = models.ForeignKey(Album, models.CASCADE, related_name="links")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    has_names = models.BooleanField(_("show names"), default=False)
    hides_unnamed = models.BooleanField(_("hide faces without a name"), default=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = MomentField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.album} #{self.pk}"


class Rating(models.IntegerChoices):
    """Stars, as cameras and photo managers write them."""

    ONE = 1, "★"
    TWO = 2, "★★"
    THREE = 3, "★★★"
    FOUR = 4, "★★★★"
    FIVE = 5, "★★★★★"


class TakenSource(models.TextChoices):
    """What says when a photo was taken."""

    EXIF = "exif", _("the camera's record (EXIF)")
    XMP = "xmp", _("a photo program's record (XMP)")
    IPTC = "iptc", _("a press record (IPTC)")
    NAME = "name", _("the file's name")
    FOLDER = "folder", _("the folder's name")
    FILE = "file", _("the time of the file")
    PERSON = "person", _("somebody's word")


TURNED_ONCE = 1  # the reading from which TIFFs stand
NAMES_READ = 5  # from which names in the files are known
READING = 5  # of Photo.reading; a higher one has the files of older photos read again (maintenance.rereading)


class Photo(Work):
    albums = models.ManyToManyField(Album, through="AlbumPhoto", related_name="photos")
    # Once it is in no album: who was chosen for this one goes on seeing it, and nobody else
    limited_by = models.ForeignKey(
        Album, models.PROTECT, null=True, blank=True, editable=False, related_name="limited_photos"
    )
    file = models.FileField(max_length=200, unique=True)  # the original
    name = models.CharField(_("file name"), max_length=255)
    folder = models.CharField(max_length=400, blank=True, default="", editable=False)  # that it came from
    search = models.CharField(max_length=400, db_index=True, editable=False, default="")
    sha256 = models.CharField(max_length=64, editable=False)
    copy = models.PositiveSmallIntegerField(default=0, editable=False)  # of a file that others keep unseen
    bytes = models.PositiveBigIntegerField(default=0)
    format = models.CharField(max_length=10, blank=True)
    width = models.PositiveIntegerField(default=0)  # upright
    height = models.PositiveIntegerField(default=0)
    turn = models.PositiveSmallIntegerField(default=0, editable=False)  # quarters clockwise, beyond its file
    caption = models.TextField(_("caption"), blank=True, default="")
    caption_search = models.TextField(editable=False, default="")
    rating = models.PositiveSmallIntegerField(_("rating"), choices=Rating, null=True, blank=True)
    favourite_of = models.ManyToManyField(
        User, blank=True, related_name="favourite_photos", editable=False, verbose_name=_("favourite of")
    )
    taken_at = MomentField(_("taken"), null=True, blank=True, db_index=True)
    taken_source = models.CharField(max_length=8, choices=TakenSource, blank=True, editable=False)
    taken_precision = models.CharField(max_length=8, blank=True, editable=False)  # as of a Moment
    added_at = MomentField(_("added"), auto_now_add=True, db_index=True)
    uploaded_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="photos")
    trashed_at = models.DateTimeField(null=True, blank=True, db_index=True)
    trashed_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    is_recognised = models.BooleanField(_("recognise faces"), default=True)
    milliseconds = models.JSONField(default=dict, blank=True)  # decode, detect, embed, search
    detector = models.CharField(max_length=40, blank=True)
    reading = models.PositiveSmallIntegerField(default=READING, editable=False)  # version that read the file
    # See faces/stacks.py
    likeness = models.BigIntegerField(null=True, editable=False, db_index=True)
    stack = models.BigIntegerField(null=True, editable=False, db_index=True)
    stack_score = models.FloatField(default=0, editable=False)
    is_stackable = models.BooleanField(default=True, editable=False)
    page_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, editable=False, related_name="pages"
    )
    is_cut_off = models.BooleanField(default=False, editable=False)  # the file ends too early
    revision = models.PositiveIntegerField(default=0, editable=False)

    objects = PhotoQuerySet.as_manager()

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        ordering = ("-pk",)
        constraints = [models.UniqueConstraint(fields=("sha256", "copy"), name="one_row_per_copy")]
        indexes = [
            models.Index(fields=("trashed_at", "-id", "taken_at"), name="photos_in_order"),  # and by year
            models.Index(
                F("trashed_at"),
                Coalesce("taken_at", "added_at").desc(),
                F("id").desc(),
                name="photos_by_moment",
            ),
            models.Index(fields=("work", "queued_at")),
            models.Index(fields=("work", "-finished_at"), name="photos_last_done"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def picture(self) -> Turned:
        """The file, as it is to be read: it stands as people have turned it."""
        return Turned(self.file.path, self.turn)

    @property
    def may_be_recognised(self) -> bool:
        """Neither the photo nor any of its albums says that nobody is to be recognised in it."""
        return self.is_recognised and not self.albums.filter(is_recognised=False).exists()


class AlbumPhoto(models.Model):
    """A photo is in an album. The album is protected: without its rows others would see the photos."""

    album = models.ForeignKey(Album, models.PROTECT, related_name="+")
    photo = models.ForeignKey(Photo, models.CASCADE, related_name="+")
    added_at = MomentField(auto_now_add=True)
    position = models.FloatField(null=True, editable=False)  # by hand: see photos/album_order.py

    class Meta:
        constraints = [models.UniqueConstraint(fields=("album", "photo"), name="once_in_an_album")]

    def __str__(self) -> str:
        return f"{self.photo_id} in {self.album_id}"


class PhotoTag(models.Model):
    """A word that somebody has put on a photo. A tag is all rows of one key: it is gone with its last photo."""

    photo = models.ForeignKey(Photo, models.CASCADE, related_name="tags")
    name = models.CharField(_("tag"), max_length=60)
    key = models.CharField(max_length=120, editable=False)
    search = models.CharField(max_length=120, db_index=True, editable=False)

    class Meta:
        ordering = ("key", "pk")
        constraints = [models.UniqueConstraint(fields=("photo", "key"), name="once_on_a_photo")]
        indexes = [models.Index(fields=("key", "photo"), name="photos_of_tag")]

    def __str__(self) -> str:
        return self.name


class PhotoCopy(models.Model):
    """The digest of a file that was made of a photo and handed out, by which it is known when it comes back."""

    photo = models.ForeignKey(Photo, models.CASCADE, related_name="copies")
    sha256 = models.CharField(max_length=64, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("photo", "sha256"), name="one_row_per_handed_out_copy")
        ]

    def __str__(self) -> str:
        return f"copy of {self.photo_id}"


class NameInFile(models.Model):
    """A name that a photo's file, or one beside it, says is in it, until somebody takes it or leaves it out."""

    photo = models.ForeignKey(Photo, models.CASCADE, related_name="names_in_file")
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    key = models.CharField(max_length=MAX_KEY_LENGTH, db_index=True, editable=False)
    # In pixels of the upright photo; nothing where the file does not say where
    left = models.FloatField(null=True)
    top = models.FloatField(null=True)
    width = models.FloatField(null=True)
    height = models.FloatField(null=True)

    class Meta:
        ordering = ("photo", "pk")

    def __str__(self) -> str:
        return self.name

    @property
    def box(self) -> Box | None:
        if self.left is None or self.top is None or self.width is None or self.height is None:
            return None
        return Box(self.left, self.top, self.width, self.height)


class Decision(models.TextChoices):
    """What a human said of a face. Empty: nothing yet, the machine may say."""

    NONE = "", _("none")
    CONFIRMED = "confirmed", _("Confirmed")  # it is `person`
    REJECTED = "rejected", _("Rejected")  # left without a name by a human
    IGNORED = "ignored", _("Ignored")  # a face nobody cares about
    NOT_A_FACE = "not_a_face", _("Not a face")


class Face(models.Model):
    class State(models.TextChoices):
        KNOWN = "known", _("Known")
        UNSURE = "unsure", _("Unsure")
        UNKNOWN = "unknown", _("Unknown")

    photo = models.ForeignKey(Photo, models.CASCADE, related_name="faces")
    left = models.FloatField()
    top = models.FloatField()
    width = models.FloatField()
    height = models.FloatField()
    landmarks = models.JSONField(null=True, blank=True)  # five [x, y]; null for a drawn box without a face
    score = models.FloatField(_("detection score"), default=0)
    quality = models.JSONField(null=True, blank=True)
    is_usable = models.BooleanField(_("clear enough to be matched"), default=True)
    is_drawn = models.BooleanField(_("drawn by a person"), default=False)
    embedding = VectorField(null=True, blank=True)
    embedder_id = models.CharField(max_length=40, blank=True)
    embedded_at = models.DateTimeField(null=True, blank=True)
    # Made unrecognisable in what is shared: it bore the name of somebody who may no longer be recognised.
    is_veiled = models.BooleanField(default=False, editable=False)
    person = models.ForeignKey(Person, models.SET_NULL, null=True, blank=True, related_name="faces")
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.UNKNOWN)
    similarity = models.FloatField(null=True, blank=True)  # of the best candidate
    reference = models.ForeignKey(Reference, models.SET_NULL, null=True, blank=True, related_name="+")
    decision = models.CharField(
        _("decision"), max_length=12, choices=Decision, default=Decision.NONE, blank=True
    )
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    is_erased = models.BooleanField(default=False, editable=False)  # of an erased person: never embedded
    is_twice = models.BooleanField(_("name twice in the photo"), default=False)
    cluster = models.BigIntegerField(null=True, blank=True, db_index=True)  # group of unknown look-alikes
    searched_change = models.BigIntegerField(default=0)  # last GalleryChange its candidates reflect
    created_at = MomentField(auto_now_add=True)
    revision = models.PositiveIntegerField(default=0, editable=False)

    objects = FaceQuerySet.as_manager()

    class Meta:
        verbose_name = _("face")
        verbose_name_plural = _("faces")
        ordering = ("left", "pk")
        indexes = [
            models.Index(fields=("person", "-id")),
            # Lists and counts read these without the rows, which are large: with their vectors. The id stands in
            # each for PostgreSQL, whose indexes do not carry it by themselves.
            models.Index(fields=("person", "photo", "decision", "id"), name="face_of_person"),
            models.Index(fields=("state", "decision", "photo", "id"), name="face_in_state"),
            models.Index(fields=("photo", "person", "decision", "state", "left", "id"), name="face_on_photo"),
            # For pages far into a list of all faces, without those on photos in the trash
            models.Index(fields=("id", "photo"), name="face_in_order"),
            models.Index(fields=("decision", "person", "cluster", "photo", "id"), name="face_in_group"),
            # For counting the unknown of each group: small, and in order
            models.Index(
                fields=("cluster",),
                condition=models.Q(decision="", person__isnull=True),
                name="unknown_in_group",
            ),
            models.Index(
                fields=("decision", "person"),
                name="face_without_vector",
                condition=models.Q(embedding__isnull=True),
            ),
            models.Index(fields=("decision", "id")),
            models.Index(
                fields=("embedded_at",),
                condition=models.Q(person__isnull=True, embedding__isnull=False),
                name="unknown_embedded_at",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def box(self) -> Box:
        """In pixels of the upright photo."""
        return Box(self.left, self.top, self.width, self.height)

    @property
    def is_decided(self) -> bool:
        return self.decision != Decision.NONE

    @staticmethod
    def list_undo_ignores(after: dict[str, Any]) -> set[str]:
        """The machine goes on writing a face that nobody has decided on, and may do so after an act that took a
        decision back: what it says is no reason to keep the decision from coming back."""
        machines = {"similarity", "reference_id"}
        return machines | {"person_id", "state"} if after.get("decision") == Decision.NONE else machines

    @property
    def may_be_embedded(self) -> bool:
        """Whether it may be made comparable: not if it is, or was, somebody's who may not be recognised."""
        if self.decision == Decision.CONFIRMED and self.person is not None:
            return self.person.may_be_recognised
        return not self.is_veiled or self.is_decided


class FaceRejection(models.Model):
    """A human said: this face is not that person. Never proposed again."""

    face = models.ForeignKey(Face, models.CASCADE, related_name="rejections")
    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = MomentField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=("face", "person"), name="one_rejection_per_person")]

    def __str__(self) -> str:
        return f"{self.face_id} is not {self.person_id}"


class FaceSplit(models.Model):
    """A human said: the faces of its one side are not the people of the other. No group of unknown faces has both."""

    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = MomentField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.pk)


class FaceSplitSide(models.Model):
    """A face on one of the two sides."""

    split = models.ForeignKey(FaceSplit, models.CASCADE, related_name="sides")
    face = models.ForeignKey(Face, models.CASCADE, related_name="split_sides")
    is_apart = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("split", "face"), name="one_side_of_a_split")]

    def __str__(self) -> str:
        return f"{self.face_id} in {self.split_id}"


class Candidate(models.Model):
    """A person proposed for a face by a search."""

    is_cache = True  # see history.changeset

    face = models.ForeignKey(Face, models.CASCADE, related_name="candidates")
    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    reference = models.ForeignKey(Reference, models.SET_NULL, null=True, related_name="+")
    # the confirmed face that it resembles, where the proposal rests on that face and not on a reference
    look_alike = models.ForeignKey(Face, models.CASCADE, null=True, blank=True, related_name="+")
    similarity = models.FloatField()
    rank = models.PositiveSmallIntegerField()
    # that was searched when the person was first proposed like this; none for look-alikes of faces
    build = models.ForeignKey("Build", models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("rank",)
        constraints = [models.UniqueConstraint(fields=("face", "rank"), name="one_candidate_per_rank")]
        indexes = [models.Index(fields=("rank", "person", "-similarity", "face"), name="candidates_in_order")]

    def __str__(self) -> str:
        return f"{self.face_id}: {self.person_id} ({self.similarity:.3f})"
