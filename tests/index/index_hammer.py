"""One of several processes that change, build and search one gallery at once, and check every answer.

Run as ``python -m tests.index.index_hammer SEED SECONDS`` with the site's environment set; exits with 1 and a line on
stderr at the first wrong answer. The other acts, such as ``--settle``, are said at their functions.
"""

from __future__ import annotations

import contextlib
import random
import sys
import time

import django

django.setup()

import numpy as np  # noqa: E402 -- Django comes first
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, transaction  # noqa: E402

from gallery.core.exceptions import EditConflict  # noqa: E402
from gallery.index import engine  # noqa: E402
from gallery.index.builds import (  # noqa: E402
    compare_index_with_database,
    request_build,
    run_build,
)
from gallery.index.live import find_nearest_references  # noqa: E402
from gallery.jobs import dispatch  # noqa: E402
from gallery.models import Event, Person, Reference, User  # noqa: E402
from gallery.people.references import move_references  # noqa: E402
from gallery.privacy.erasure import erase_person  # noqa: E402
from tests.engines import FakeEngine  # noqa: E402
from tests.gallery_world import erase, know, reject  # noqa: E402
from tests.making import a_person, a_user, a_vector  # noqa: E402

APPROVED, REJECTED = Reference.Judgement.APPROVED, Reference.Judgement.REJECTED
AT_MOST = 150  # references, so that a search can return them all


def pretend() -> None:
    """Put the fake engine where the real ones would be loaded."""
    fake = FakeEngine()
    for name in ("get_serving_embedder", "get_configured_embedder", "get_detector"):
        setattr(engine, name, lambda: fake)
    dispatch.send_task = lambda *_, countdown=0: None  # type: ignore[assignment]


def some_approved(dice: random.Random) -> Reference | None:
    """Held until the transaction ends, so that no two processes act on one reference at once."""
    ids = list(Reference.objects.filter(status=APPROVED).values_list("pk", flat=True))
    if not ids:
        return None
    rows = Reference.objects.select_for_update().filter(pk=dice.choice(ids), status=APPROVED)
    return rows.first()


def erase_somebody(dice: random.Random) -> None:
    """A person who is there for a moment, erased by the real service while others move references about."""
    person = a_person(f"Guest {dice.randrange(1 << 60)}")
    with transaction.atomic():
        know(person, a_vector(dice.randrange(1 << 30)))
    time.sleep(dice.random() * 0.05)
    with transaction.atomic():
        erasure = erase_person(None, person)
        erased = erasure.todo["gone"]["ids"]["reference"]
        Event.objects.bulk_create(Event(verb="erased", object_id=pk) for pk in erased)


def move_somebody(dice: random.Random, person: Person) -> None:
    """A reference moved by the real service, to a person who may be erased at this moment."""
    ids = list(Reference.objects.filter(status=APPROVED).values_list("pk", flat=True))
    rows = Reference.objects.filter(pk=dice.choice(ids)) if ids else []
    with contextlib.suppress(EditConflict):
        move_references(User.objects.get(), rows, person)


def change(dice: random.Random) -> None:
    if dice.random() < 0.15:
        erase_somebody(dice)
        return
    people = list(Person.objects.order_by("pk"))
    with contextlib.suppress(IntegrityError), transaction.atomic():  # the person was erased meanwhile
        act = dice.random()
        if act < 0.45 and Reference.objects.count() < AT_MOST:
            know(dice.choice(people), a_vector(dice.randrange(1 << 30)))
        elif act < 0.65:
            move_somebody(dice, dice.choice(people))
        elif (reference := some_approved(dice)) is None:
            return
        elif act < 0.85:
            reject(reference)
        else:
            Event.objects.create(verb="erased", object_id=reference.pk)
            erase(reference)
        if dice.random() < 0.2:
            time.sleep(dice.random() * 0.05)  # commits late


def approved() -> dict[int, int]:
    return dict(Reference.objects.filter(status=APPROVED).values_list("pk", "person_id"))


def gone() -> set[int]:
    rejected = Reference.objects.filter(status=REJECTED).values_list("pk", flat=True)
    return {*rejected, *Event.objects.filter(verb="erased").values_list("object_id", flat=True)}


def check(dice: random.Random) -> str:
    """What is wrong with a search, if anything."""
    never, before = gone(), approved()
    query = np.frombuffer(a_vector(dice.randrange(1 << 30)), "<f4")[None]
    hits = find_nearest_references(engine.get_serving_embedder(), query, 10 * AT_MOST)[0]
    after = approved()
    found = {hit.reference: hit.person for hit in hits}
    lasting = {pk for pk in before if pk in after}
    if missing := lasting - found.keys():
        return f"missing {missing}"
    if risen := never & found.keys():
        return f"returned although gone {risen}"
    wrong = {pk for pk in lasting if before[pk] == after[pk] != found[pk]}
    return f"of another person {wrong}" if wrong and approved() == after else ""


def late() -> str:
    """Announce a reference, and commit only when a line, or the end, comes in."""
    with transaction.atomic():
        know(Person.objects.earliest("pk"), a_vector(5))
        sys.stdout.write("announced\n")
        sys.stdout.flush()
        sys.stdin.readline()
    return ""


def overtake() -> str:
    """Announce another one with a higher number, commit at once, and build."""
    know(Person.objects.earliest("pk"), a_vector(6))
    sys.stdout.write("overtaken\n")
    sys.stdout.flush()
    return settle()


def settle() -> str:
    run_build(request_build("settle", delay=0).pk)
    return verify()


def verify() -> str:
    found = compare_index_with_database()
    return "" if found.is_sound and found.build else str(found.as_json())


def hammer(seed: int, seconds: float) -> str:
    dice = random.Random(seed)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        change(dice)
        if dice.random() < 0.1:
            run_build(request_build("hammer", delay=0).pk)
        if wrong := check(dice):
            return wrong
    return ""


def main() -> int:
    pretend()
    if sys.argv[1] == "--prepare":
        call_command("migrate", verbosity=0)
        for number in range(4):
            a_person(f"Person {number}")
        a_user()
        return 0
    acts = {"--settle": settle, "--late": late, "--overtake": overtake, "--verify": verify}
    wrong = acts[sys.argv[1]]() if sys.argv[1] in acts else hammer(int(sys.argv[1]), float(sys.argv[2]))
    sys.stderr.write(wrong)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
