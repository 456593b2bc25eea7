"""Show the names that other programs wrote into photos, and take those that are clear."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from gallery.core.exceptions import NameWasErased
from gallery.curation.name_acts import NameAnswer, start_taking_names
from gallery.management.base import ERASED_FLAG, GalleryCommand, make_flag
from gallery.models import User
from gallery.people.names_in_files import Fit, PlannedName, plan_names


class Command(GalleryCommand):
    help = (
        "Shows the names in photos' files and beside them: who exists, who is new, which boxes fit faces that were "
        "found, which are drawn anew, and which faces look like somebody else. Changes nothing without --take."
    )
    arguments = {
        "--user": {"metavar": "NAME", "required": True, "help": "whose photos these are, and who decides"},
        "--take": make_flag(
            "take the names about which nothing is to be asked, as one act that can be undone"
        ),
        "--with-erased": ERASED_FLAG,
    }

    def handle(self, *, user: str, take: bool, **options: Any) -> None:
        found = User.objects.filter(username=user).first()
        if found is None or not found.is_contributor:
            raise CommandError(f"There is no contributor {user!r}.", returncode=2)
        plan = plan_names(found)
        chosen = [
            entry
            for entry in plan.names
            if entry.is_clear or (options["with_erased"] and entry.was_erased and not entry.is_ambiguous)
        ]
        for entry in plan.names:
            document = {
                "name": entry.name,
                "people": [person.label for person in (*entry.people, *entry.alike)],
                "is_new": not entry.people,
                "was_erased": entry.was_erased,
                "is_clear": entry.is_clear,
                **{fit.value: entry.counts[fit] for fit in Fit},
            }
            self.say_result(document, self._describe(entry))
        sentence = (
            f"{len(plan.names)} names in {plan.photos} photos; {plan.waiting} photos wait to be looked at."
        )
        if take and chosen:
            try:
                act = start_taking_names(found, [NameAnswer(entry, entry.person) for entry in chosen])
            except NameWasErased as error:
                raise CommandError(f"{error} Nothing was taken; --with-erased takes it in.") from error
            sentence += f" {len(chosen)} taken" + (", a worker goes on." if act.is_running else ".")
        self.warn(sentence)

    def _describe(self, entry: PlannedName) -> str:
        people = ", ".join(person.label for person in (*entry.people, *entry.alike))
        who = f"one of: {people}" if entry.is_ambiguous else "here already" if people else "new"
        if entry.was_erased:
            who += ", was erased here"
        elif entry.is_closed:
            who += ", may not be recognised"
        counts = ", ".join(f"{entry.counts[fit]} {fit.value}" for fit in Fit if entry.counts[fit])
        return f"{entry.name} ({who}): {counts}"
