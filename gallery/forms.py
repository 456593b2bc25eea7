"""Forms of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from gallery.models import Album, User

if TYPE_CHECKING:
    AlbumModelForm = forms.ModelForm[Album]
else:
    AlbumModelForm = forms.ModelForm


class AlbumForm(AlbumModelForm):
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
                "Off: photos added from now on are kept and shown, and nobody is recognised in them."
            ),
            "is_limited": _("On: only you, administrators and the users chosen below see this album."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = cast("forms.ModelMultipleChoiceField[User]", self.fields["members"])
        members.queryset = User.objects.filter(is_active=True).order_by("username")


class PersonForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
