"""One of two processes that judge references and check the gallery at once.

Run as ``python -m tests.curation.finding_race ACT`` with the site's environment set; what each act does is said
at its function. The first of two commits when a line, or the end, comes in.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import django

django.setup()

from django.core.management import call_command  # noqa: E402 -- Django comes first
from django.db import connection, transaction  # noqa: E402

from gallery.curation.measurement import _store_findings  # noqa: E402
from gallery.history.undo import undo_events  # noqa: E402
from gallery.jobs import dispatch  # noqa: E402
from gallery.models import Event, Finding, Reference, User  # noqa: E402
from gallery.people.references import reject_references  # noqa: E402
from tests.making import EMBEDDER, a_person, a_reference, a_user  # noqa: E402

SECONDS = 30


def a_finding() -> Finding:
    mine, hers = Reference.objects.order_by("pk")
    return Finding(
        kind=Finding.Kind.DUPLICATE,
        person=mine.person,
        reference=mine,
        other_person=hers.person,
        other_reference=hers,
        similarity=1,
        embedder_id=EMBEDDER,
    )


def prepare() -> None:
    call_command("migrate", verbosity=0)
    a_user()
    for name in ("Anna", "Bea"):
        a_reference(a_person(name))


def reject(place: int) -> None:
    reject_references(User.objects.get(), [Reference.objects.order_by("pk")[place]])


def check() -> None:
    _store_findings([a_finding()])


def undo(place: int) -> None:
    undo_events(User.objects.get(), Event.objects.filter(verb="reference.rejected").order_by("pk")[place])


def reject_both() -> None:
    check()
    reject(0)
    reject(1)


def and_wait(act: Callable[[], None]) -> None:
    """Do it, say so, and commit only when told to."""
    with transaction.atomic():
        act()
        sys.stdout.write("done\n")
        sys.stdout.flush()
        sys.stdin.readline()


def two_undone() -> None:
    reject_both()
    and_wait(lambda: undo(0))


def waited() -> None:
    """Until some process waits for what another holds."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    sys.exit("nobody waits")


def verify() -> None:
    """The finding holds if both references are searched."""
    is_outdated = Reference.objects.exclude(status="approved").exists()
    found = Finding.objects.get()
    if found.is_outdated != is_outdated:
        sys.exit(f"outdated: {found.is_outdated}, and should be {is_outdated}")


ACTS: dict[str, Callable[[], None]] = {
    "prepare": prepare,
    "act-first-first": lambda: and_wait(lambda: reject(0)),
    "act-first-second": check,
    "check-first-first": lambda: and_wait(check),
    "check-first-second": lambda: reject(1),
    "two-undone-first": two_undone,
    "two-undone-second": lambda: undo(1),
    "waited": waited,
    "verify": verify,
}

if __name__ == "__main__":
    dispatch.send_task = lambda *_, countdown=0: None  # type: ignore[assignment]
    ACTS[sys.argv[1]]()
