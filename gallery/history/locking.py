"""Two people at one row: locks for acts, and forms that tell whoever saves second what the first has changed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from gallery.core.exceptions import EditConflict
from gallery.core.pagination import parse_id
from gallery.history.changeset import find_events_about
from gallery.history.descriptions import describe_event
from gallery.models import Candidate, Event, EventSubject, Face, Person, Photo, Reference
from gallery.models.querysets import hidden_photo_q

if TYPE_CHECKING:
    ModelFormBase = forms.ModelForm[Any]
else:
    ModelFormBase = forms.ModelForm


ADMINISTRATORS = "administrators"
ERASING = "erasing and undoing"  # of which one reads what the other deletes


def hold_words(words: str) -> None:
    """Have others who hold the same words wait until the transaction ends: for what has no row yet, or is about many.
    SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [zlib.crc32(words.encode())])


def lock_face(face: Face) -> Face:
    """The face as it is now, kept from others until the transaction ends."""
    rows = Face.objects.select_for_update(of=("self",)).select_related("photo", "person")
    held = rows.filter(pk=face.pk).first()
    if held is None:
        raise EditConflict(_("This face is no longer there; its photo was deleted or processed again."))
    return held


def check_face_revision(held: Face, revision: int | None) -> None:
    """Changed, saying who did what, unless the face is as the page showed it."""
    if revision is not None and held.revision != revision:
        raise EditConflict(describe_conflict("face", held.pk))


def lock_person(person: Person, revision: int | None = None) -> Person:
    """The person as they are now, kept from others until the transaction ends; Changed if not as shown.

    Rows that only point to the person may come: who decides on a face must not wait for this, while this waits for
    the face.
    """
    held = Person.objects.select_for_update(no_key=True).filter(pk=person.pk).first()
    if held is None or revision not in (None, held.revision):
        raise EditConflict(describe_conflict("person", person.pk))
    return held


def lock_for_removal(row: models.Model) -> None:
    """Let no row that points to this one come any more, until the transaction ends: after all other locks, and before
    what hangs on the row is read."""
    rows = type(row)._default_manager.select_for_update(of=("self",))
    if not rows.filter(pk=row.pk).exists():
        raise EditConflict(describe_conflict(row._meta.model_name or "", row.pk))


def lock_people_with_faces(*people: Person) -> None:
    """Keep others from several people until the transaction ends, and from the faces that are, or may be, theirs.

    Faces come before people, as with every act on a face.
    """
    ids = [person.pk for person in people]
    about = models.Q(person__in=ids) | models.Q(
        pk__in=Candidate.objects.filter(person__in=ids).values("face")
    )
    for rows in (Face.objects.filter(about), Person.objects.filter(pk__in=ids)):
        list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def lock_photos(photos: Iterable[Photo]) -> set[int]:
    """Keep others from changing these photos, and where they are, until the transaction ends; ids of those there."""
    rows = Photo.objects.filter(pk__in=[photo.pk for photo in photos]).order_by("pk")
    return set(rows.select_for_update(no_key=True).values_list("pk", flat=True))


def lock_references(references: Iterable[int]) -> None:
    """Keep others from changing these references until the transaction ends: all who hold several, in this order."""
    rows = Reference.objects.filter(pk__in=list(references)).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def _find_last_act(kind: str, pk: int) -> Event | None:
    """The latest act on a row, of those that everybody may know of who sees the row."""
    rows = find_events_about(kind, pk).select_related("actor")
    if kind == "photo":  # it may be in hidden albums, too
        rows = rows.exclude(subjects__object_type="album")
    if kind == "person":
        of_photos = EventSubject.objects.filter(hidden_photo_q(None, "object_id"), object_type="photo")
        rows = rows.exclude(pk__in=of_photos.values("event"))
    return rows.first()


def describe_conflict(kind: str, pk: int) -> str:
    """The sentence for whoever came second: who was first, and with what."""
    last = _find_last_act(kind, pk)
    if last is None:
        return _("This has changed since the page was made. Nothing was changed by you; look again.")
    return _("%(who)s was here first and %(what)s. Nothing was changed by you; look again.") % {
        "who": str(last.actor or _("Somebody")),
        "what": describe_event(last),
    }


class OptimisticLockForm(ModelFormBase):
    """A ModelForm for a row that others may be changing at the same time. Use it inside a transaction.

    Each field carries the value it was shown with (`show_hidden_initial`). Where the row differs from it when the
    form comes back, the form is shown again with the other's values in the fields that this person left alone. What
    is posted without the values it was shown with is not checked.
    """

    data: QueryDict  # of a form that is bound to a request

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        shown = {name: self.add_initial_prefix(name) for name in self._list_model_fields()}
        if not self.instance.pk or (self.is_bound and not any(name in self.data for name in shown.values())):
            return
        for name in shown:
            self.fields[name].show_hidden_initial = True
        if self.is_bound:
            self.data = self.data.copy()
            for name in shown.values():
                self.data.setlistdefault(name)  # no browser sends a list that was shown empty

    def get_changed_values(self) -> dict[str, Any]:
        """Of the row's columns those that this person has changed, with their values."""
        return {name: value for name, value in self.get_row_values().items() if name in self.changed_data}

    def get_row_values(self) -> dict[str, Any]:
        """The row's columns as the form has them."""
        return {name: self.cleaned_data[name] for name in self._list_model_fields()}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        shown = {
            name: _normalize_values(self.data.getlist(self.add_initial_prefix(name)))
            for name, field in self.fields.items()
            if field.show_hidden_initial
        }
        if shown:
            self._check_values_as_shown(shown)
        return cleaned

    def _list_model_fields(self) -> list[str]:
        """The form's fields that are columns of the row, or its many-to-many relations."""
        options = self._meta.model._meta
        names = {field.name for field in (*options.fields, *options.many_to_many)}
        return [name for name, field in self.fields.items() if name in names and not field.disabled]

    def _check_values_as_shown(self, shown: dict[str, list[str]]) -> None:
        manager = type(self.instance)._default_manager
        row = manager.select_for_update(of=("self",)).filter(pk=self.instance.pk).first()
        if row is None:
            return
        self.initial.update(forms.models.model_to_dict(row, fields=shown))
        stored = {name: self._read_stored_values(name) for name in shown}
        changed = [name for name in shown if stored[name] != shown[name]]
        if not changed:
            return
        own = set(self.changed_data)
        for name in changed:
            if name not in own:
                self.data.setlist(self.add_prefix(name), stored[name])
            self.data.setlist(self.add_initial_prefix(name), stored[name])
        differences = [
            _("%(field)s: it was “%(old)s” and is now “%(new)s”.")
            % {
                "field": self.fields[name].label or name,
                "old": _describe_values(self.fields[name], shown[name]),
                "new": _describe_values(self.fields[name], stored[name]),
            }
            for name in changed
        ]
        self.add_error(None, ValidationError([_describe_last_edit(row), *differences]))

    def _read_stored_values(self, name: str) -> list[str]:
        """The row's value as its hidden input would send it."""
        field = self.fields[name]
        value = field.prepare_value(self.get_initial_for_field(field, name))
        values = value if isinstance(value, list) else [field.hidden_widget().format_value(value)]
        return _normalize_values("" if each is None else str(each) for each in values)


def _normalize_values(values: Iterable[str]) -> list[str]:
    """In one order, with the line ends of a database."""
    return sorted(value.replace("\r\n", "\n") for value in values if value)


def _describe_values(field: forms.Field, values: list[str]) -> str:
    """The value as people read it: the label of a choice, yes or no."""
    if isinstance(field, forms.BooleanField):
        return _("yes") if values == ["True"] else _("no")
    if isinstance(field, forms.ModelChoiceField):
        rows = field.queryset.filter(pk__in=[pk for value in values if (pk := parse_id(value))])  # type: ignore[union-attr]  # it has one
        return ", ".join(str(row) for row in rows)
    if isinstance(field, forms.DateTimeField) and values and (moment := field.to_python(values[0])):
        return date_format(moment, "SHORT_DATETIME_FORMAT")
    labels = dict(getattr(field, "choices", []))
    return ", ".join(str(labels.get(value, value)) for value in values)


def _describe_last_edit(row: models.Model) -> str:
    """Who was here, and when."""
    last = _find_last_act(row._meta.model_name or "", row.pk)
    if last is None:
        return _(
            "Somebody has changed this since you opened it. What you typed is kept; look, then save again."
        )
    when = date_format(timezone.localtime(last.at), "SHORT_DATETIME_FORMAT")
    return _(
        "%(who)s was here before you and %(what)s (%(when)s). What you typed is kept; look, then save again."
    ) % {"who": str(last.actor or _("Somebody")), "what": describe_event(last), "when": when}
