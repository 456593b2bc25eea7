"""Workers and the scheduler: which live, which have died, and what each does since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery import beats
from gallery.models import WorkerBeat

# Tasks that hold no row, by their names in gallery.tasks
ERRANDS: dict[str, str | Promise] = {
    "check_gallery": _("checking the gallery"),
    "verify_index": _("verifying the index"),
    "measure_gallery": _("measuring the gallery"),
    "follow_gallery": _("searching older faces again"),
    "follow_faces": _("following decisions on faces"),
    "group_new_faces": _("grouping unknown faces"),
    "switch_embedder": _("moving to another embedder"),
    "forget_old": _("forgetting what is too old to keep"),
    "embed_face": _("looking at a drawn face"),
    "make_backup": _("making a backup"),
    "check_files": _("looking whether every file is there"),
    "look_after_data": _("looking after backups and files"),
    "look_at_draft": _("looking at a picture that was added"),
    "roll_back": _("going back to the build before"),
}


@dataclass(frozen=True, slots=True)
class Running:
    """A row that a process holds."""

    kind: str  # of gallery.works
    pk: int
    label: str
    since: datetime | None
    worker: str


@dataclass(frozen=True, slots=True)
class Process:
    name: str
    kind: str  # worker or scheduler
    started_at: datetime
    seen_at: datetime
    is_alive: bool
    is_replaced: bool  # it died, and another one on the same machine has started since
    holds: tuple[Running, ...]
    errand: str | Promise
    errand_since: datetime | None

    @property
    def is_missed(self) -> bool:
        """Dead, and nobody has taken its place: somebody must do something."""
        return not self.is_alive and not self.is_replaced


def processes(running: Sequence[Running] = ()) -> list[Process]:
    """All that were heard of within a day: schedulers last, the dead ones first among their kind."""
    rows = list(WorkerBeat.objects.order_by("-kind", "name"))
    silent = beats.silent_before()
    found = [_process(row, rows, running, silent) for row in rows]
    return sorted(found, key=lambda one: (one.kind != "worker", one.is_alive, one.name))


def _process(
    row: WorkerBeat, rows: Sequence[WorkerBeat], running: Sequence[Running], silent: datetime
) -> Process:
    return Process(
        row.name,
        row.kind,
        row.started_at,
        row.seen_at,
        is_alive=row.seen_at >= silent,
        is_replaced=any(_took_over(other, row) for other in rows),
        holds=tuple(one for one in running if one.worker == row.name),
        errand=ERRANDS.get(row.doing, ""),
        errand_since=row.since,
    )


def _took_over(other: WorkerBeat, row: WorkerBeat) -> bool:
    is_same = other.kind == row.kind and beats.machine(other.name) == beats.machine(row.name)
    return is_same and other.started_at > row.seen_at
