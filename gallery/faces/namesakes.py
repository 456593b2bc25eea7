"""People who bear the same name: numbered, told apart for whoever reads, and found by what was typed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from django.db.models import Count

from gallery.core.exceptions import NameAmbiguous
from gallery.history.changeset import ChangeSet
from gallery.history.locking import hold_words
from gallery.models import Album, Face, Person, User
from gallery.models.labels import split_label
from gallery.models.people import get_name_key


def hold_name(name: str) -> None:
    """Keep others from making people of this name until the transaction ends."""
    hold_words(f"name of a person: {get_name_key(name)}")


def number_namesakes(keys: Collection[str]) -> None:
    """Number the people of these names anew: see `Person.namesake_number`."""
    by_key: defaultdict[str, list[Person]] = defaultdict(list)
    for person in Person.objects.filter(key__in=keys).order_by("pk"):
        by_key[person.key].append(person)
    changed = []
    for namesakes in by_key.values():
        words = {get_name_key(person.distinction) for person in namesakes}
        numbers: Counter[str] = Counter()
        for person in namesakes:
            told = get_name_key(person.distinction) or person.born
            numbers[told] += 1
            while not told and str(numbers[told]) in words:
                numbers[told] += 1
            number = numbers[told] if len(namesakes) > 1 else 0
            if person.namesake_number != number:
                person.namesake_number = number
                changed.append(person)
    Person.objects.bulk_update(changed, ["namesake_number"], batch_size=500)


def renumber_changed_namesakes(changes: ChangeSet) -> None:
    """After an act: the people of the names that it gave or took."""
    rows = [
        row
        for group in changes.groups
        if group["model"] == "person"
        for row in (group["before"], group["after"])
    ]
    keys = {row["key"] for row in rows if row and "key" in row}
    told = changes.list_changed_ids("person", "distinction", "born")
    keys.update(Person.objects.filter(pk__in=told).values_list("key", flat=True))
    number_namesakes(keys)


def tell_namesakes_apart(user: User, people: Iterable[Person | None]) -> None:
    """Let the labels of those whom nothing else tells apart say in which album they mostly are.

    Only albums count that the user may see. Takes two queries if such people are among these, else none.
    """
    wanted = [person for person in people if person and person.namesake_number]
    wanted = [person for person in wanted if not (person.distinction or person.born)]
    if not wanted:
        return
    namesakes = Person.objects.filter(key__in={person.key for person in wanted})
    keys = dict(namesakes.values_list("pk", "key"))
    albums = _find_main_albums(user, keys)
    times = Counter((keys[pk], get_name_key(name)) for pk, name in albums.items())
    times.update(
        (key, get_name_key(word)) for key, word in namesakes.values_list("key", "distinction") if word
    )
    for person in wanted:
        album = albums.get(person.pk, "")
        if times[person.key, get_name_key(album)] == 1:
            person.mostly_in = album


def _find_main_albums(user: User, people: Collection[int]) -> dict[int, str]:
    """The names of the albums that hold the most faces of each of these people."""
    faces = Face.objects.visible_to(user).named().filter(person__in=people).order_by()
    rows = Album.objects.visible_to(user).filter(photos__faces__in=faces).order_by()
    counted = rows.values_list("photos__faces__person", "pk", "name").annotate(times=Count("photos__faces"))
    found = sorted(counted, key=lambda row: (row[3], row[1]))
    return {person: name for person, _pk, name, _times in found}


def find_people_called(text: str, user: User | None = None) -> list[Person]:
    """The people whose label this is, as the user reads it; else those whose name, or else other name, it is."""
    key, parts = get_name_key(text), split_label(text)
    own_key = get_name_key(parts.name)
    people = list(Person.objects.filter(key__in={key, own_key}).order_by("pk"))
    numbered = [person for person in people if get_name_key(person.label) == key]
    if user is not None and own_key != key:
        tell_namesakes_apart(user, people)
    born = [person for person in people if parts.born and person.born == parts.born]  # in either language
    labelled = born or numbered or [person for person in people if get_name_key(person.label) == key]
    for person in people:
        person.mostly_in = ""  # acts write labels down for others
    called = labelled or [person for person in people if person.key == key]
    return called or list(Person.objects.filter(other_names__key=key).order_by("pk"))


def find_person_by_name(text: str, user: User | None = None) -> Person | None:
    """The person of this label, name or other name; case and Unicode form do not count. May be NameAmbiguous."""
    found = find_people_called(text, user)
    if len(found) > 1:
        if user is not None:
            tell_namesakes_apart(user, found)
        raise NameAmbiguous(text, found)
    return found[0] if found else None
