"""What the forms of a person have in common, on the site and in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from gallery.history.locking import OptimisticLockForm
from gallery.models.people import validate_born


class PersonNameForm(OptimisticLockForm):
    other_names = forms.CharField(
        label=gettext_lazy("Other names"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("A maiden or stage name, a nickname, another script: one a line."),
    )

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        if self.instance.pk:
            names = self.instance.other_names.values_list("name", flat=True)
            self.initial["other_names"] = "\n".join(names)

    def clean_born(self) -> str:
        born = str(self.cleaned_data["born"])
        validate_born(born)
        return born

    def clean_other_names(self) -> list[str]:
        return str(self.cleaned_data["other_names"]).splitlines()
