"""Forms of the pages."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from gallery.history.forms import OptimisticLockForm
from gallery.models import Album, Person, User


class AlbumForm(OptimisticLockForm):
    class Meta:
        model = Album
        fields: ClassVar = ["name", "date", "note", "is_recognised", "is_limited", "members"]
        widgets: ClassVar = {
            "date": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "note": forms.Textarea(attrs={"rows": 3}),
            "members": forms.CheckboxSelectMultiple,
        }
        help_texts: ClassVar = {
            "date": _("The day of the event, or the first one."),
            "is_recognised": _(
                "Off: nobody is recognised in this album's photos. What faces are compared by and names the machine "
                "gave are removed; names people gave stay. In what is shared by links all faces are hidden."
            ),
            "is_limited": _("On: only you, administrators and the users chosen below see this album."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = cast("forms.ModelMultipleChoiceField[User]", self.fields["members"])
        members.queryset = User.objects.filter(is_active=True).order_by("username")


class ConsentForm(OptimisticLockForm):
    class Meta:
        model = Person
        fields: ClassVar = ["consent_note", "consent_until"]

    consent_note = forms.CharField(
        label=_("What was agreed"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("To what, when, how, and where the paper is: “Signed form of 3 May, folder 12”."),
    )
    consent_until = forms.DateField(
        label=_("Last day it is valid"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Empty: it has no end."),
    )


class PersonForm(OptimisticLockForm):
    class Meta:
        model = Person
        fields: ClassVar = ["name", "note"]

    name = forms.CharField(label=_("Name"), max_length=200)
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
