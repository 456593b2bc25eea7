"""Measure how well the gallery's people, or a folder's, can be told apart, and what bounds that suggests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from gallery.core.exceptions import ActionRefused
from gallery.curation.calibration import (
    describe_name_changes,
    put_calibration_in_force,
    store_hand_set_bounds,
)
from gallery.curation.forms import BOUNDS_FORMS, BoundsForm
from gallery.curation.measurement import (
    FolderEmbedder,
    LabelledVectors,
    load_labelled_references,
    measure_bounds,
    store_calibration,
)
from gallery.curation.trial import count_name_changes, judge_on_references
from gallery.index import engine
from gallery.management.base import GalleryCommand, get_existing_folder, make_flag
from gallery.models import Face
from gallery.people.folder_import import find_person_images
from recognition.calibrate import FALSE_NAME_RATE, Calibration, Verdict
from recognition.embedders import EMBEDDER_NAMES
from recognition.types import Bounds, Embedder


class Command(GalleryCommand):
    help = (
        "Compares every reference with every other, each left out in turn, and suggests bounds for a chosen "
        "share of strangers who may be given a name. With DIR, does so for DIR/<person>/<image>; keeps no picture. "
        "The gallery is measured with the embedder that serves, a folder with the one the settings ask for."
    )
    arguments = {
        "folder": {"metavar": "DIR", "nargs": "?"},
        "--embedder": {"choices": EMBEDDER_NAMES, "help": "measure the folder with this one"},
        "--set": {
            "nargs": "+",
            "metavar": "NAME=NUMBER",
            "default": [],
            "help": "bounds by hand: known=, unsure=, lead=, detection=; decision=nearest lets the nearest reference "
            "alone decide. Says what they would change",
        },
        "--apply": make_flag("put the suggested bounds, or those set by hand, into force"),
        "--false-name-rate": {
            "type": float,
            "default": FALSE_NAME_RATE,
            "metavar": "SHARE",
            "help": "of strangers, how many may get a name: 0.005 is one in two hundred (the default)",
        },
    }

    def handle(self, *, folder: str | None, **options: Any) -> None:
        rate = options["false_name_rate"]
        if not 0 < rate <= 0.2:
            raise CommandError("The false-name rate must lie between 0 and 0.2.", returncode=2)
        embedder = self._choose_embedder(folder, options["embedder"])
        by_hand = self._parse_bounds(options["set"], embedder) if options["set"] else None
        if not self.is_json:
            self.stdout.write(f"Measuring {folder or 'the gallery'} with {embedder.id}")
        skipped: list[dict[str, str]] = []
        if folder is None:
            labelled = load_labelled_references(embedder)
        else:
            labelled, skipped = self._read(get_existing_folder(folder), embedder)
        if not len(labelled.persons):
            raise CommandError("There are no references to compare: import people first.")
        with tqdm(total=len(labelled.persons), unit=" references", disable=not self.is_watched) as bar:
            found = measure_bounds(labelled, embedder, rate, lambda done, _total: bar.update(done - bar.n))
        trial = self._try(by_hand, labelled, embedder, is_gallery=folder is None) if by_hand else {}
        is_applied = bool(options["apply"]) and self._apply(found, by_hand, trial)
        if self.is_json:
            self.say_json(found.to_json() | trial | {"skipped": skipped, "is_applied": is_applied})
        else:
            self._tell(found, by_hand, trial, is_applied)

    def _parse_bounds(self, words: list[str], embedder: Embedder) -> Bounds:
        values = dict(word.partition("=")[::2] for word in words)
        decision = values.pop("decision", BoundsForm.decision)
        if decision not in BOUNDS_FORMS:
            raise CommandError(f"decision is one of {', '.join(BOUNDS_FORMS)}.", returncode=2)
        form = BOUNDS_FORMS[decision](values, engine.get_decision_bounds(embedder), embedder.name)
        if unknown := values.keys() - form.fields.keys():
            names = ", ".join(form.fields)
            raise CommandError(f"--set takes {names}, not {', '.join(sorted(unknown))}.", returncode=2)
        form.allow_gaps()
        if not form.is_valid():
            errors = (f"{name}: {error}" for name, errors in form.errors.items() for error in errors)
            raise CommandError("\n".join(errors), returncode=2)
        return form.get_bounds(embedder.bounds)

    def _try(
        self, bounds: Bounds, labelled: LabelledVectors, embedder: Embedder, *, is_gallery: bool
    ) -> dict[str, Any]:
        """What the bounds would do to the references, and, of the gallery, change on its photos."""
        trial: dict[str, Any] = {"set": judge_on_references(labelled, bounds)[0].to_json()}
        return (
            trial | {"changes": count_name_changes(embedder, bounds, Face.objects.all())}
            if is_gallery
            else trial
        )

    def _choose_embedder(self, folder: str | None, name: str | None) -> Embedder:
        if name and folder is None:
            raise CommandError(
                "--embedder is for a folder; the gallery is measured with the embedder that serves.",
                returncode=2,
            )
        if folder is None:
            return engine.get_serving_embedder()
        return engine.get_named_embedder(name) if name else engine.get_configured_embedder()

    def _read(self, root: Path, embedder: Embedder) -> tuple[LabelledVectors, list[dict[str, str]]]:
        reader = FolderEmbedder(embedder)
        sources = list(find_person_images(root, reader.report, self.list_files(root)))
        for source in self.progress(sources, len(sources), "images"):
            reader.add(source)
        for skipped in reader.report.skipped:
            self.warn(f"{skipped['path']}: {skipped['reason']}")
        return reader.finish(), reader.report.skipped

    def _apply(self, found: Calibration, by_hand: Bounds | None, trial: dict[str, Any]) -> bool:
        try:
            if by_hand:
                trial = {"user": None, "changes": {}, **trial}
                put_calibration_in_force(None, store_hand_set_bounds(found.embedder_id, by_hand, trial))
            else:
                put_calibration_in_force(None, store_calibration(found))
        except ActionRefused as error:
            self.fail_with(str(error))
            return False
        return True

    def _tell(
        self, found: Calibration, by_hand: Bounds | None, trial: dict[str, Any], is_applied: bool
    ) -> None:
        say = self.stdout.write
        say(f"{found.references} references of {found.persons} people")
        if found.rank1 is not None:
            say(f"Nearest other reference is of the same person: {found.rank1:.2%}")
        for line in found.false_matches:
            if line.similarity is None:
                say(f"False matches {line.rate:.2%}: too few pairs to say")
            else:
                kept = "" if line.true_match_rate is None else f", {line.true_match_rate:.2%} true matches"
                say(f"False matches {line.rate:.2%}: similarity {line.similarity:.4f}{kept}")
        say(f"In force:  {format_verdict(found.current)}")
        say(f"Suggested: {format_verdict(found.suggested)}")
        say(found.suggestion.reason)
        if by_hand:
            say(f"By hand:   {format_verdict(Verdict.from_json(trial['set']))}")
            if by_hand.is_nearest:
                say(
                    "The nearest reference alone decides: every picture of a person is one more try for a stranger."
                )
            changes = describe_name_changes(trial["changes"]) if "changes" in trial else []
            for words, count in changes:
                say(f"  {words}: {count}")
        whose = "bounds set by hand" if by_hand else "suggested bounds"
        say(f"The {whose} are in force now." if is_applied else "Nothing was changed; --apply does it.")


def format_verdict(verdict: Verdict) -> str:
    bounds = verdict.bounds
    text = f"known from {bounds.known:.4f}, unsure from {bounds.unsure:.4f}, lead {bounds.margin:.4f}: "
    text += f"{verdict.strangers_named:.2%} of strangers named"
    if verdict.kept is not None and verdict.wrong is not None:
        text += f", {verdict.kept:.2%} of people named right, {verdict.wrong:.2%} wrong"
    return text
