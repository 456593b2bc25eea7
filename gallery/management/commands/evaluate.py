"""Measure how well the gallery's people, or a folder's, can be told apart, and what bounds that suggests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from gallery.core.exceptions import ActionRefused
from gallery.curation.calibration import put_calibration_in_force
from gallery.curation.measurement import (
    FolderEmbedder,
    LabelledVectors,
    load_labelled_references,
    measure_bounds,
    store_calibration,
)
from gallery.index import engine
from gallery.management.base import GalleryCommand, get_existing_folder, make_flag
from gallery.people.folder_import import find_person_images
from recognition.calibrate import FALSE_NAME_RATE, Calibration, Verdict
from recognition.embedders import EMBEDDER_NAMES
from recognition.types import Embedder


class Command(GalleryCommand):
    help = (
        "Compares every reference with every other, each left out in turn, and suggests bounds for a chosen "
        "share of strangers who may be given a name. With DIR, does so for DIR/<person>/<image>; keeps no picture. "
        "The gallery is measured with the embedder that serves, a folder with the one the settings ask for."
    )
    arguments = {
        "folder": {"metavar": "DIR", "nargs": "?"},
        "--embedder": {"choices": EMBEDDER_NAMES, "help": "measure the folder with this one"},
        "--apply": make_flag("put the suggested bounds into force"),
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
        is_applied = bool(options["apply"]) and self._apply(found)
        if self.is_json:
            self.say_json(found.to_json() | {"skipped": skipped, "is_applied": is_applied})
        else:
            self._tell(found, is_applied)

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

    def _apply(self, found: Calibration) -> bool:
        try:
            put_calibration_in_force(None, store_calibration(found))
        except ActionRefused as error:
            self.fail_with(str(error))
            return False
        return True

    def _tell(self, found: Calibration, is_applied: bool) -> None:
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
        say(
            "The suggested bounds are in force now."
            if is_applied
            else "Nothing was changed; --apply does it."
        )


def format_verdict(verdict: Verdict) -> str:
    bounds = verdict.bounds
    text = f"known from {bounds.known:.4f}, unsure from {bounds.unsure:.4f}, lead {bounds.margin:.4f}: "
    text += f"{verdict.strangers_named:.2%} of strangers named"
    if verdict.kept is not None and verdict.wrong is not None:
        text += f", {verdict.kept:.2%} of people named right, {verdict.wrong:.2%} wrong"
    return text
