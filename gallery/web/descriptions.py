"""What people say of photos: captions, tags and ratings of one photo, each user's favourites, the pages of tags."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from gallery.core.exceptions import ActionRefused
from gallery.core.permissions import PageRequest, contributor_required
from gallery.history.descriptions import add_event_message
from gallery.history.locking import OptimisticLockForm, lock_photos
from gallery.models import Photo
from gallery.models.people import get_name_key
from gallery.photos.descriptions import (
    MAX_CAPTION_LENGTH,
    TagNames,
    describe_photo,
    list_photos_with_tag,
    list_tags,
    set_favourite_photos,
    split_tags,
)
from gallery.photos.selectors import get_photo_grid
from gallery.photos.stacks import unstack_photos
from gallery.web.navigation import get_photo_url
from gallery.web.photos import get_chosen_photos
from gallery.web.responses import add_toast, get_next_url, refusals_as_messages


class PhotoForm(OptimisticLockForm):
    class Meta:
        model = Photo
        fields: ClassVar = ["caption", "rating"]

    caption = forms.CharField(
        label=gettext_lazy("Caption"),
        required=False,
        max_length=MAX_CAPTION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
    )
    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        help_text=gettext_lazy("With commas between them: summer camp, lake."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("caption", "tags", "rating")

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.initial["tags"] = ", ".join(tag.name for tag in self.instance.tags.all())
        self.fields["tags"].show_hidden_initial = self.fields["caption"].show_hidden_initial

    def clean_tags(self) -> TagNames:
        try:
            return split_tags(self.cleaned_data["tags"])
        except ActionRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


@contributor_required
@require_http_methods(["GET", "HEAD", "POST"])
@transaction.atomic
def photo_describe(request: PageRequest, pk: int) -> HttpResponse:
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    if request.method == "POST":
        lock_photos([photo])  # before the form reads its tags
    form = PhotoForm(request.POST or None, instance=Photo.objects.get(pk=pk))
    back = get_photo_url(photo, request.GET.get("in", ""))
    if request.method == "POST" and form.is_valid():
        values = form.get_changed_values()
        if "tags" in form.changed_data:
            values["tags"] = form.cleaned_data["tags"]
        add_event_message(request, describe_photo(request.user, photo, values))
        return HttpResponseClientRedirect(back) if request.htmx else redirect(back)
    template = "gallery/_photo_form.html" if request.htmx else "gallery/photo_form.html"
    return render(request, template, {"form": form, "photo": photo, "back": back})


@contributor_required
@require_POST
def photo_unstack(request: PageRequest, pk: int) -> HttpResponse:
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    add_event_message(request, unstack_photos(request.user, photo))
    return redirect(get_photo_url(photo, request.POST.get("in", "")))


@require_POST
def photos_favourite(request: PageRequest) -> HttpResponse:
    """Mark photos (`photo`, ids) as favourites of whoever asks (`on`: 1), or no longer."""
    is_on = request.POST.get("on") == "1"
    with refusals_as_messages(request):
        chosen = get_chosen_photos(request, Photo.objects.visible_to(request.user))
        set_favourite_photos(request.user, chosen, is_on)
        if request.htmx:
            response = add_toast(HttpResponse(status=204), _describe_favourites(len(chosen), is_on))
            return trigger_client_event(response, "photos-done", {"gone": [], "act": "favourite"})
    return redirect(get_next_url(request))


def _describe_favourites(count: int, is_on: bool) -> str:
    if is_on:
        text = ngettext("%(count)s photo is your favourite.", "%(count)s photos are your favourites.", count)
    else:
        text = ngettext(
            "%(count)s photo is no favourite any more.", "%(count)s photos are no favourites any more.", count
        )
    return text % {"count": count}


@require_safe
def tag_list(request: PageRequest) -> HttpResponse:
    return render(request, "gallery/tags.html", {"tags": list_tags(request.user)})


@require_safe
def tag_detail(request: PageRequest) -> HttpResponse:
    """The photos with the tag `name`; to the list of tags where the user sees none with it."""
    name = request.GET.get("name", "")
    tag = next(iter(list_tags(request.user, [get_name_key(name)])), None)
    if tag is None:
        return redirect("tags")
    page = get_photo_grid(
        list_photos_with_tag(request.user, name),
        request.GET.get("after"),
        order=request.user.photo_order,
        at=request.GET.get("at"),
    )
    context = {"tag": tag, "page": page, "walk": f"tag:{tag.name}"}
    is_more = request.htmx.target == "more"
    return render(request, "gallery/_tiles.html" if is_more else "gallery/tag.html", context)
