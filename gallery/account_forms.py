"""Joining by an invitation, and one's own details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib.auth.forms import UserCreationForm

from gallery.models import User

if TYPE_CHECKING:
    Creation = UserCreationForm[User]
    Details = forms.ModelForm[User]
else:
    Creation = UserCreationForm
    Details = forms.ModelForm


class JoinForm(Creation):
    """A name to log in with, and a password twice."""

    class Meta:
        model = User
        fields = ("username",)


class AccountForm(Details):
    class Meta:
        model = User
        fields = ("first_name", "last_name", "email")
