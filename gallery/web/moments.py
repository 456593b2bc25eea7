"""Saying when chosen photos were taken, with a look at what would become of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from gallery.core.permissions import PageRequest, contributor_required
from gallery.history.descriptions import add_event_message
from gallery.models import Photo
from gallery.photos.moment_changes import MomentChange, correct_moments, preview_moments
from gallery.web.photos import get_chosen_photos
from gallery.web.responses import get_next_url, refusals_as_messages
from recognition.images.moments import parse_moment

MOST_DAYS = 40_000


class MomentForm(forms.Form):
    how = forms.ChoiceField(
        label=gettext_lazy("How"),
        choices=[
            ("set", gettext_lazy("Taken at this moment")),
            ("shift", gettext_lazy("Earlier or later by some time")),
            ("name", gettext_lazy("As the name of each file says")),
        ],
    )
    at = forms.CharField(
        label=gettext_lazy("Moment"),
        required=False,
        max_length=40,
        help_text=gettext_lazy("2019-07-04 12:30:15, or as much as is known: 2019-07-04, 2019-07, 2019."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days"), required=False, min_value=-MOST_DAYS, max_value=MOST_DAYS
    )
    hours = forms.IntegerField(label=gettext_lazy("Hours"), required=False, min_value=-999, max_value=999)
    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes"),
        required=False,
        min_value=-999,
        max_value=999,
        help_text=gettext_lazy("With a minus for earlier, as where a camera's clock was ahead."),
    )

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        parts = {name: given.get(name) or 0 for name in ("days", "hours", "minutes")}
        given["change"] = MomentChange()
        if given.get("how") == "set":
            given["change"] = MomentChange(parse_moment(given.get("at"), "file"))
            if given["change"].moment is None:
                self.add_error("at", _("This is no moment of the past. Write it like 2019-07-04 12:30."))
        elif given.get("how") == "shift":
            given["change"] = MomentChange(shift=timedelta(**parts))
            if not any(parts.values()):
                self.add_error("days", _("Say by how much."))
        return given


@contributor_required
@require_POST
def photos_moments(request: PageRequest) -> HttpResponse:
    """Say when chosen photos (`photo`, ids) were taken: asks, shows what would change, and with `apply` does it."""
    user, back = request.user, get_next_url(request)
    with refusals_as_messages(request):
        photos = get_chosen_photos(request, Photo.objects.visible_to(user))
        form = MomentForm(request.POST if "how" in request.POST else None)
        shown = None
        if form.is_valid():
            if "apply" in request.POST:
                add_event_message(request, correct_moments(user, photos, form.cleaned_data["change"]))
                return redirect(back)
            shown = preview_moments(photos, form.cleaned_data["change"])
        context = {
            "form": form,
            "photos": photos,
            "preview": shown,
            "changed": sum(changed is not None for _photo, changed in shown or []),
            "back": back,
        }
        return render(request, "gallery/moments.html", context)
    return redirect(back)
