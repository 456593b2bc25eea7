"""Groups of people: their members from and to a day, and whom a photo's groups make likely. They name nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from gallery.core.exceptions import ActionRefused, EditConflict
from gallery.history.changeset import ChangeSet, record_event
from gallery.history.locking import hold_words
from gallery.models import Album, AlbumPhoto, Event, Face, Membership, PeopleGroup, Person, Photo, User
from gallery.models.groups import member_on_q
from gallery.models.people import clean_name, get_search_key
from gallery.people.selectors import PersonCard, get_person_cards

MAX_LIKELY_PEOPLE = 8
MAX_GROUP_NAME = 200


def list_groups() -> QuerySet[PeopleGroup]:
    """Groups by name, with how many belong to them, hidden people left out."""
    shown = Count("memberships", filter=Q(memberships__person__is_hidden=False))
    return PeopleGroup.objects.annotate(number=shown).order_by("search", "pk")


def list_memberships(group: PeopleGroup) -> QuerySet[Membership]:
    rows = Membership.objects.filter(group=group, person__is_hidden=False)
    return rows.select_related("person").order_by("person__search", "pk")


@transaction.atomic
def create_group(user: User, name: str, note: str = "") -> PeopleGroup:
    """A new group; ActionRefused if there is one of this name."""
    group = PeopleGroup(note=note.strip(), **_check_group_name(name))
    changes = ChangeSet()
    changes.create(group)
    _record_group_change(user, "group.create", group, changes)
    return group


@transaction.atomic
def change_group(user: User, group: PeopleGroup, name: str, note: str) -> Event | None:
    held = lock_group(group)
    columns = {**_check_group_name(name, held), "note": note.strip()}
    if all(getattr(held, column) == value for column, value in columns.items()):
        return None
    changes = ChangeSet()
    changes.set(held, **columns)
    return _record_group_change(user, "group.change", held, changes)


@transaction.atomic
def remove_group(user: User, group: PeopleGroup) -> Event:
    """The group is no more; its people stay."""
    held, changes = lock_group(group), ChangeSet()
    changes.delete(Membership.objects.filter(group=held))
    changes.delete(PeopleGroup.objects.filter(pk=held.pk))
    return _record_group_change(user, "group.remove", held, changes)


@transaction.atomic
def add_members(user: User, group: PeopleGroup, people: Iterable[Person]) -> Event | None:
    """Who belongs to it already stays as they are."""
    held, changes = lock_group(group), ChangeSet()
    known = set(Membership.objects.filter(group=held).values_list("person", flat=True))
    for person in people:
        if person.pk not in known:
            changes.create(Membership(group=held, person=person))
    added = changes.list_referenced_ids("membership", "person_id")
    return _record_group_change(user, "group.add", held, changes, added) if added else None


@transaction.atomic
def set_membership_days(
    user: User, membership: Membership, since: date | None, until: date | None
) -> Event | None:
    """From when to when somebody belongs to the group."""
    if since and until and since > until:
        raise ActionRefused(_("The first day is after the last one."))
    held, changes = lock_group(membership.group), ChangeSet()
    rows = Membership.objects.filter(pk=membership.pk).exclude(since=since, until=until)
    if not changes.update(rows, since=since, until=until):
        return None
    return _record_group_change(user, "group.days", held, changes, [membership.person_id])


@transaction.atomic
def remove_member(user: User, membership: Membership) -> Event:
    held, changes = lock_group(membership.group), ChangeSet()
    changes.delete(Membership.objects.filter(pk=membership.pk))
    return _record_group_change(user, "group.leave", held, changes, [membership.person_id])


def lock_group(group: PeopleGroup) -> PeopleGroup:
    held = PeopleGroup.objects.select_for_update().filter(pk=group.pk).first()
    if held is None:
        raise EditConflict(_("This group is no longer there."))
    return held


def _check_group_name(name: str, own: PeopleGroup | None = None) -> dict[str, str]:
    shown = clean_name(name)
    columns = {"name": shown, "search": get_search_key(shown)[:400]}
    if not 0 < len(shown) <= MAX_GROUP_NAME:
        raise ActionRefused(_("Write a name of at most 200 characters."))
    hold_words(f"name of a group: {columns['search']}")
    others = PeopleGroup.objects.filter(search=columns["search"]).exclude(pk=own.pk if own else 0)
    if others.exists():
        raise ActionRefused(_("There is a group of this name."))
    return columns


def _record_group_change(
    user: User, verb: str, group: PeopleGroup, changes: ChangeSet, people: Iterable[int] = ()
) -> Event:
    people = list(people)
    summary: dict[str, Any] = {"group": group.name, "count": len(people)}
    return record_event(user, verb, group, summary, changes, subjects={"person": people})


def get_likely_cards(user: User, photo: Photo) -> list[PersonCard]:
    """Those people as cards that say the group."""
    found = find_likely_people(user, photo)
    cards = get_person_cards(user, [person for person, _group in found], is_counted=False) if found else []
    return [replace(card, group=group) for card, (_person, group) in zip(cards, found, strict=True)]


def find_likely_people(user: User, photo: Photo) -> list[tuple[Person, str]]:
    """Who may well be on the photo, each with the group that says so: the likeliest first.

    They belong, on the day of the photo, to a group of others who are named on it; where nobody is, of those who
    are named in its albums. This is an offer to people, and never gives a name.
    """
    named = Face.objects.visible_to(user).named().order_by()
    on_it = known = named.filter(photo=photo).values("person")
    if not on_it:
        albums = Album.objects.visible_to(user).filter(photos=photo).order_by()
        photos = AlbumPhoto.objects.filter(album__in=albums.values("pk")).values("photo")
        known = named.filter(photo__in=photos).values("person")
    day = timezone.localdate(photo.taken_at) if photo.taken_at else None
    holding = Membership.objects.filter(member_on_q(day)).order_by()
    times = dict(holding.filter(person__in=known).values_list("group").annotate(times=Count("person")))
    rows = holding.filter(group__in=times, person__is_hidden=False).exclude(person__in=on_it)
    members = sorted(
        rows.select_related("person", "group")[: 20 * MAX_LIKELY_PEOPLE],
        key=lambda row: (-times[row.group_id], row.person.search, row.person_id),
    )
    found: dict[int, tuple[Person, str]] = {}
    for row in members:
        found.setdefault(row.person_id, (row.person, row.group.name))
    return list(found.values())[:MAX_LIKELY_PEOPLE]


EVENT_DESCRIPTIONS = {
    "group.create": gettext_lazy("made the group “%(group)s”"),
    "group.change": gettext_lazy("changed the group “%(group)s”"),
    "group.remove": gettext_lazy("removed the group “%(group)s”"),
    "group.add": ngettext_lazy(
        "added %(count)s person to the group “%(group)s”",
        "added %(count)s people to the group “%(group)s”",
        "count",
    ),
    "group.days": gettext_lazy("wrote from when to when somebody belongs to the group “%(group)s”"),
    "group.leave": gettext_lazy("took somebody out of the group “%(group)s”"),
}
