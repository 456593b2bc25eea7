"""Forms for joining by an invitation and for one's own details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib.auth.forms import UserCreationForm

from gallery.models import User

if TYPE_CHECKING:
    CreationFormBase = UserCreationForm[User]
    DetailsFormBase = forms.ModelForm[User]
else:
    CreationFormBase = UserCreationForm
    DetailsFormBase = forms.ModelForm


class JoinForm(CreationFormBase):
    """A name to log in with, and a password twice."""

    class Meta:
        model = User
        fields = ("username",)


class AccountForm(DetailsFormBase):
    class Meta:
        model = User
        fields = ("first_name", "last_name", "email")
