"""What people say of photos: captions, tags, ratings, and which are their favourites.

Favourites are each user's own business, so no history tells of them. A tag is there for who sees a photo with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Min
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from gallery.core.exceptions import ActionRefused
from gallery.history.changeset import ChangeSet, apply_effects, record_event
from gallery.history.locking import lock_photos
from gallery.models import Event, Photo, PhotoTag, User
from gallery.models.people import clean_name, get_name_key, get_search_key
from gallery.models.querysets import PhotoQuerySet
from gallery.photos.membership import list_limiting_albums

MAX_TAGS, MAX_TAG_LENGTH, MAX_TAG_KEY_LENGTH = (
    50,
    60,
    120,
)  # tags in one act, characters of one and of its key
MAX_CAPTION_LENGTH = 2_000
TagNames = Mapping[str, str]  # by key


@dataclass(frozen=True, slots=True)
class Tag:
    key: str
    name: str  # in one of its spellings
    number: int  # of photos


def list_tags(user: User, keys: Iterable[str] | None = None) -> list[Tag]:
    """The tags of photos that the user sees, or those of them with these keys."""
    photos = Photo.objects.visible_to(user).order_by().values("pk")
    rows = PhotoTag.objects.filter(photo__in=photos)
    if keys is not None:
        rows = rows.filter(key__in=keys)
    counted = rows.order_by("key").values_list("key").annotate(name=Min("name"), number=Count("pk"))
    return [Tag(*row) for row in counted]


def list_photos_with_tag(user: User, name: str) -> PhotoQuerySet:
    return Photo.objects.visible_to(user).filter(tags__key=get_name_key(name))


def split_tags(text: str) -> TagNames:
    """The tags between commas, by their keys; ActionRefused for too many or too long ones."""
    names = [name for part in text.split(",") if (name := clean_name(part))]
    if len(names) > MAX_TAGS:
        raise ActionRefused(_("At most %(most)s tags at a time.") % {"most": MAX_TAGS})
    keys = {get_name_key(name): name for name in names}
    too_long = (
        name for key, name in keys.items() if len(name) > MAX_TAG_LENGTH or len(key) > MAX_TAG_KEY_LENGTH
    )
    if long := next(too_long, None):
        raise ActionRefused(_("“%(name)s” is too long for a tag.") % {"name": long})
    return keys


@transaction.atomic
def describe_photo(user: User, photo: Photo, values: Mapping[str, Any]) -> Event | None:
    """Set `caption`, `rating` and `tags` (by key), or some of them; None where all is so already."""
    lock_photos([photo])
    changes = ChangeSet()
    if "tags" in values:
        changes.delete(PhotoTag.objects.filter(photo=photo).exclude(key__in=values["tags"]))
        _add_tags(changes, user, [photo], values["tags"])
    if "caption" in values and values["caption"] != photo.caption:
        changes.set(photo, **_get_caption_columns(values["caption"]))
    if "rating" in values and values["rating"] != photo.rating:
        changes.set(photo, rating=values["rating"])
    if not changes.groups:
        return None
    apply_effects(changes)
    return record_event(user, "photo.describe", photo, {"name": photo.name}, changes)


@transaction.atomic
def tag_photos(user: User, photos: Sequence[Photo], tags: TagNames) -> Event | None:
    lock_photos(photos)
    changes = ChangeSet()
    _add_tags(changes, user, photos, tags)
    return _record_descriptions(user, "photos.tag", changes, {"tags": ", ".join(tags.values())})


@transaction.atomic
def untag_photos(user: User, photos: Sequence[Photo], tags: TagNames) -> Event | None:
    lock_photos(photos)
    changes = ChangeSet()
    changes.delete(PhotoTag.objects.filter(photo__in=photos, key__in=tags))
    return _record_descriptions(user, "photos.untag", changes, {"tags": ", ".join(tags.values())})


@transaction.atomic
def caption_photos(user: User, photos: Sequence[Photo], caption: str) -> Event | None:
    lock_photos(photos)
    changes, columns = ChangeSet(), _get_caption_columns(caption)
    rows = Photo.objects.filter(pk__in=[photo.pk for photo in photos])
    changes.update(rows.exclude(caption=columns["caption"]), **columns)
    return _record_descriptions(user, "photos.caption", changes)


@transaction.atomic
def rate_photos(user: User, photos: Sequence[Photo], rating: int | None) -> Event | None:
    lock_photos(photos)
    changes = ChangeSet()
    others = [photo.pk for photo in photos if photo.rating != rating]
    changes.update(Photo.objects.filter(pk__in=others), rating=rating)
    return _record_descriptions(user, "photos.rate", changes)


def set_favourite_photos(user: User, photos: Iterable[Photo], is_favourite: bool) -> None:
    if is_favourite:
        user.favourite_photos.add(*photos)
    else:
        user.favourite_photos.remove(*photos)


def _add_tags(changes: ChangeSet, user: User, photos: Sequence[Photo], tags: TagNames) -> None:
    """Put the tags on those of the photos that have them not, spelled as the user sees them elsewhere."""
    spelled = {tag.key: tag.name for tag in list_tags(user, tags)}
    there = set(PhotoTag.objects.filter(photo__in=photos, key__in=tags).values_list("photo_id", "key"))
    rows = [
        PhotoTag(photo=photo, key=key, name=spelled.get(key, name), search=get_search_key(name)[:120])
        for photo in photos
        for key, name in tags.items()
        if (photo.pk, key) not in there
    ]
    for row in PhotoTag.objects.bulk_create(rows, batch_size=500):
        changes.note_created_row(row)


def _get_caption_columns(caption: str) -> dict[str, str]:
    shown = caption.replace("\r\n", "\n").strip()[:MAX_CAPTION_LENGTH]
    return {"caption": shown, "caption_search": get_search_key(" ".join(shown.split()))}


def _record_descriptions(
    user: User, verb: str, changes: ChangeSet, summary: Mapping[str, str] | None = None
) -> Event | None:
    changed = {*changes.list_written_ids("photo"), *changes.list_referenced_ids("phototag", "photo_id")}
    if not changed:
        return None
    apply_effects(changes)
    ids = sorted(changed)
    subjects = {"photo": ids, "album": list_limiting_albums(user, ids)}
    return record_event(user, verb, None, {**(summary or {}), "count": len(ids)}, changes, subjects=subjects)


EVENT_DESCRIPTIONS = {
    "photo.describe": gettext_lazy("described “%(name)s”"),
    "photos.tag": ngettext_lazy(
        "tagged %(count)s photo with “%(tags)s”", "tagged %(count)s photos with “%(tags)s”", "count"
    ),
    "photos.untag": ngettext_lazy(
        "took “%(tags)s” off %(count)s photo", "took “%(tags)s” off %(count)s photos", "count"
    ),
    "photos.caption": ngettext_lazy(
        "wrote the caption of %(count)s photo", "wrote the caption of %(count)s photos", "count"
    ),
    "photos.rate": ngettext_lazy("rated %(count)s photo", "rated %(count)s photos", "count"),
}
