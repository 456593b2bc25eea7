"""A ModelForm with optimistic locking:

whoever saves second is told what the first changed.

The form carries, signed, the values it was shown with. Where the row differs from them when the form comes
back, it is shown again with the other's values in the fields that this person left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import models
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from gallery.history.changeset import find_events_about
from gallery.history.descriptions import describe_event

SHOWN_VALUES_FIELD = "as_seen"
SHOWN_VALUES_SALT = "gallery.admin.guard"

if TYPE_CHECKING:
    ModelFormBase = forms.ModelForm[Any]
else:
    ModelFormBase = forms.ModelForm


class OptimisticLockForm(ModelFormBase):
    """A ModelForm for a row that others may be changing at the same time. Use it inside a transaction.

    A form that was made without what it was shown with (`as_seen`) is not guarded.
    """

    as_seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        if self.instance.pk and not self.is_bound:
            self.initial[SHOWN_VALUES_FIELD] = sign_shown_values(self._stored(self.instance))

    def given(self) -> dict[str, Any]:
        """Of the row's columns those that this person has changed, with their values."""
        return {name: self.cleaned_data[name] for name in self._guarded() if name in self.changed_data}

    def fresh(self) -> dict[str, Any]:
        """The row's columns as the form has them, for a new row."""
        return {name: self.cleaned_data[name] for name in self._guarded()}

    def _guarded(self) -> list[str]:
        """The form's fields that are columns of the row, or its many-to-many relations."""
        names = {f.name for f in (*self._meta.model._meta.fields, *self._meta.model._meta.many_to_many)}
        return [name for name, f in self.fields.items() if name in names and not f.disabled]

    def _stored(self, row: models.Model) -> dict[str, str]:
        values = forms.models.model_to_dict(row, fields=self._guarded())
        return {name: to_form_text(value) for name, value in values.items()}

    def _clean_form(self) -> None:
        if self.instance.pk:
            self._must_be_as_seen()
        super()._clean_form()  # type: ignore[misc]  # Django's own step after the fields

    def _must_be_as_seen(self) -> None:
        seen = unsign_shown_values(self.data.get(self.add_prefix(SHOWN_VALUES_FIELD), ""))
        manager = type(self.instance)._default_manager
        row = manager.select_for_update(of=("self",)).filter(pk=self.instance.pk).first()
        if row is None or seen is None:
            return
        now = self._stored(row)
        changed = [name for name in now if name in seen and now[name] != seen[name]]
        if changed:
            self._take_theirs(changed, seen, row, now)
            self.add_error(None, ValidationError([_describe_last_edit(row), *self._said(changed, seen, now)]))

    def _take_theirs(
        self, changed: Iterable[str], seen: dict[str, str], row: models.Model, now: dict[str, str]
    ) -> None:
        """What the other has set, where this person changed nothing; what was typed stays as it is."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        values = forms.models.model_to_dict(row)
        for name in changed:
            if to_form_text(_to_plain_value(self.cleaned_data.get(name))) == seen[name]:
                _put_form_value(data, self.add_prefix(name), self[name].field.prepare_value(values[name]))
        data[self.add_prefix(SHOWN_VALUES_FIELD)] = sign_shown_values(now)
        self.data = data

    def _said(self, changed: Iterable[str], seen: dict[str, str], now: dict[str, str]) -> list[str]:
        return [
            _("%(field)s: it was “%(old)s” and is now “%(new)s”.")
            % {
                "field": self.fields[name].label or name,
                "old": self._shown(name, seen[name]),
                "new": self._shown(name, now[name]),
            }
            for name in changed
        ]

    def _shown(self, name: str, value: str) -> str:
        """The value as people read it: the label of a choice, yes or no."""
        field = self.fields[name]
        if isinstance(field, forms.BooleanField):
            return _("yes") if value == "True" else _("no")
        if isinstance(field, forms.ModelMultipleChoiceField | forms.ModelChoiceField):
            rows = field.queryset.filter(pk__in=[pk for pk in value.split(",") if pk])  # type: ignore[union-attr]  # admin fields have one
            return ", ".join(str(row) for row in rows)
        if isinstance(field, forms.DateTimeField) and value:
            return date_format(timezone.localtime(datetime.fromisoformat(value)), "SHORT_DATETIME_FORMAT")
        return str(dict(getattr(field, "choices", [])).get(value, value))


def _to_plain_value(value: Any) -> Any:
    if isinstance(value, models.Model):
        return value.pk
    return list(value) if isinstance(value, models.QuerySet) else value


def to_form_text(value: Any) -> str:
    if isinstance(value, datetime):  # whatever the time zone, and as precise as a form
        return value.astimezone(UTC).replace(microsecond=0).isoformat()
    if isinstance(value, list | tuple):
        return ",".join(sorted(str(getattr(one, "pk", one)) for one in value))
    return "" if value is None else str(value).replace("\r\n", "\n")


def _put_form_value(data: Any, name: str, value: Any) -> None:
    """Into the data of a form as a browser would send it."""
    if isinstance(value, list):
        data.setlist(name, [str(_to_plain_value(one)) for one in value])
    elif value is False:
        data.pop(name, None)
    else:
        data[name] = "on" if value is True else "" if value is None else str(value)


def _describe_last_edit(row: models.Model) -> str:
    """Who was here, and when."""
    last = find_events_about(row._meta.model_name or "", row.pk).select_related("actor").first()
    if last is None:
        return _(
            "Somebody has changed this since you opened it. What you typed is kept; look, then save again."
        )
    when = date_format(timezone.localtime(last.at), "SHORT_DATETIME_FORMAT")
    return _(
        "%(who)s was here before you and %(what)s (%(when)s). What you typed is kept; look, then save again."
    ) % {"who": str(last.actor or _("Somebody")), "what": describe_event(last), "when": when}


def sign_shown_values(values: dict[str, str]) -> str:
    return signing.dumps(values, salt=SHOWN_VALUES_SALT, compress=True)


def unsign_shown_values(text: str) -> dict[str, str] | None:
    """What the form was shown with; None where that cannot be known."""
    try:
        found: dict[str, str] = signing.loads(text, salt=SHOWN_VALUES_SALT)
    except signing.BadSignature:
        return None
    return found
