"""Fill the gallery from a folder per person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from gallery.management.base import ERASED_FLAG, FOLDER, GalleryCommand, get_existing_folder, make_flag
from gallery.models.people import get_name_key
from gallery.people.folder_import import (
    FolderImporter,
    ImportReport,
    find_person_images,
)
from gallery.people.selectors import get_name_in_file_name
from recognition.files import is_system_folder


class Command(GalleryCommand):
    help = (
        "Imports references from DIR/<person>/<image>: finds the main face of each, embeds it, and approves it where "
        "it looks like the person's others; the rest waits for a decision."
    )
    arguments = {
        "folder": FOLDER,
        "--by-file-name": make_flag(
            "pictures beside the folders are of who they are called after: DIR/<person>.jpg"
        ),
        "--with-erased": ERASED_FLAG,
    }

    def handle(self, *, folder: str, by_file_name: bool, **options: Any) -> None:
        root = get_existing_folder(folder)
        files = self.list_files(root)
        importer = FolderImporter()
        self._look_at_folders(root, files, importer.report)
        if not by_file_name:
            self._offer_file_names(root, files)
        sources = list(find_person_images(root, importer.report, files, is_by_file_name=by_file_name))
        try:
            for _ in self.progress(importer.add_all(sources), len(sources), "images"):
                pass
        except KeyboardInterrupt:
            importer.stop()
            raise
        report = importer.finish()
        if self.is_json:
            lists = {"waiting": report.waiting, "skipped": report.skipped, "renamed": report.renamed}
            self.say_json({"people": len(report.people), "added": report.added, **lists})
            return
        for former, name in report.renamed.items():
            self.warn(f"{former}: taken for {name}, to whom earlier pictures from such a folder belong now.")
        for skipped in (*report.skipped, *report.waiting):
            self.warn(f"{skipped['path']}: {skipped['reason']}")
        self.stdout.write(
            f"{len(report.people)} people, {report.added} references added, {len(report.skipped)} files skipped, "
            f"{len(report.waiting)} wait for a decision."
        )

    def _offer_file_names(self, root: Path, files: list[Path]) -> None:
        named = [path for path in files if path.parent == root and get_name_in_file_name(path)]
        if named:
            self.warn(
                f"{len(named)} pictures lie beside the folders. If each is called after who is on it, as "
                f"“{get_name_in_file_name(named[0])}”, say --by-file-name."
            )

    def _look_at_folders(self, root: Path, files: list[Path], report: ImportReport) -> None:
        """Report empty folders, and folders that are one person because only case or Unicode form differs."""
        filled = {path.relative_to(root).parts[0] for path in files if path.parent != root}
        keys: dict[str, str] = {}
        for each in sorted(
            each for each in root.iterdir() if each.is_dir() and not each.name.startswith(".")
        ):
            if each.name in filled:
                if (first := keys.setdefault(get_name_key(each.name), each.name)) != each.name:
                    self.warn(f"{each.name!r} and {first!r} differ only in case or Unicode form: one person.")
            elif not is_system_folder(each.name, settings.SYSTEM_FOLDERS):
                report.skip(each, "The folder has no images.")
