"""XMP sidecars: names, boxes and moments as files for other programs, on demand or kept in a folder.

A folder that the site has written to is remembered, with what was written there. When names are withdrawn, erased or
changed, its files follow; what another program has added to one since stays in it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Max, Q
from django.utils import timezone

from gallery.core.limits import get_upload_limits
from gallery.history.changeset import split_into_chunks
from gallery.models import Decision, Event, Face, NameChange, Photo, SiteSetting
from gallery.models.history import get_site_setting
from gallery.models.people import get_folder_name
from gallery.models.querysets import recognisable_q
from gallery.photos.withheld_names import WithheldNames
from recognition.errors import ImageError
from recognition.images.sandbox import probe_photo
from recognition.regions import NamedFace, Redaction, build_sidecar

FOLDERS_KEY, MARK_KEY = "sidecar_folders", "sidecars_written"  # of SiteSetting
MANIFEST = ".facesite-sidecars.json"
NEW_FILE_SUFFIX = ".facesite-new"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SidecarFacts:
    """What a sidecar says of a photo."""

    photo: Photo
    faces: list[NamedFace]

    @property
    def taken_at(self) -> str:
        """As exactly as it is known."""
        if self.photo.taken_at is None:
            return ""
        at = timezone.localtime(self.photo.taken_at).isoformat()
        return at[: {"year": 4, "month": 7, "day": 10}.get(self.photo.taken_precision, len(at))]

    @property
    def digest(self) -> str:
        said = [
            [face.name, face.box.left, face.box.top, face.box.width, face.box.height] for face in self.faces
        ]
        return hashlib.sha256(json.dumps([said, self.taken_at]).encode()).hexdigest()

    def build(self, old: bytes = b"") -> bytes:
        """Raises ImageError where the photo cannot be read."""
        info = probe_photo(self.photo.picture, get_upload_limits())
        redaction = Redaction(True, WithheldNames(self.photo).are_in) if old else None
        return build_sidecar(info, self.faces, taken_at=self.taken_at, old=old, redaction=redaction)


def list_sidecar_facts(photos: Iterable[Photo]) -> Iterator[SidecarFacts]:
    """Of photos outside the trash; names that people or the machine gave, but nobody's who may not be recognised."""
    known = Q(decision=Decision.CONFIRMED) | Q(decision=Decision.NONE, state=Face.State.KNOWN)
    for some in split_into_chunks([photo.pk for photo in photos]):
        found = Photo.objects.outside_trash().in_bulk(some)
        faces: defaultdict[int, list[NamedFace]] = defaultdict(list)
        rows = Face.objects.filter(known, recognisable_q("person"), photo__in=found, is_erased=False)
        for face in rows.select_related("person").only(*FACE_COLUMNS).order_by("left", "pk"):
            if face.person:
                faces[face.photo_id].append(NamedFace(face.box, face.person.label))
        for pk in some:
            if pk in found:
                yield SidecarFacts(found[pk], faces[pk])


FACE_COLUMNS = (
    *("left", "top", "width", "height", "photo", "person"),
    *(f"person__{column}" for column in ("name", "distinction", "born", "namesake_number")),
)


def make_sidecar_name(photo: Photo, taken: Iterable[str]) -> str:
    """The photo's name with .xmp behind it; in a folder of its own where another photo is called the same."""
    name = f"{get_folder_name(photo.name) or photo.pk}.xmp"
    return f"{photo.pk}/{name}" if name.casefold() in taken else name


class SidecarFolder:
    """A folder with sidecars, and its list of what was written there: by photo its path, facts and content."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest: dict[str, Any] = {}
        if (path / MANIFEST).is_file():
            self.manifest = json.loads((path / MANIFEST).read_text())

    def write(self, photos: Iterable[Photo]) -> int:
        """Write those of these photos that are new or changed; how many. Raises OSError."""
        remember_folder(self.path)
        written, taken = 0, {entry[0].casefold() for entry in self.manifest.values()}
        for facts in list_sidecar_facts(photos):
            entry = self.manifest.get(str(facts.photo.pk))
            if entry is None:
                name = make_sidecar_name(facts.photo, taken)
                taken.add(name.casefold())
                entry = self.manifest[str(facts.photo.pk)] = [name, "", ""]
            if entry[1] != facts.digest or not (self.path / entry[0]).exists():
                written += self._write_file(entry, facts)
        self._save_manifest()
        return written

    def refresh(self) -> int:
        """Write again what has changed of what is there, and remove what is of photos that are gone."""
        kept = {pk: Photo(pk=int(pk)) for pk in self.manifest}
        there = {facts.photo.pk for facts in list_sidecar_facts(kept.values())}
        for pk in [pk for pk in self.manifest if int(pk) not in there]:
            (self.path / self.manifest.pop(pk)[0]).unlink(missing_ok=True)
        return self.write(photo for photo in kept.values() if photo.pk in there)

    def _write_file(self, entry: list[str], facts: SidecarFacts) -> bool:
        file = self.path / entry[0]
        old = file.read_bytes() if file.exists() else b""
        if hashlib.sha256(old).hexdigest() == entry[2]:
            old = b""  # nobody has added to it
        try:
            content = facts.build(old)
        except ImageError as error:
            log.warning("photo %d has no sidecar: %s", facts.photo.pk, error)
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content)
        entry[1:] = [facts.digest, hashlib.sha256(content).hexdigest()]
        return True

    def _save_manifest(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / MANIFEST, json.dumps(self.manifest).encode())


def write_whole(path: Path, content: bytes) -> None:
    fresh = path.with_name(path.name + NEW_FILE_SUFFIX)
    fresh.write_bytes(content)
    fresh.replace(path)


def remember_folder(path: Path) -> None:
    """Call it before anything is written there."""
    known = {*list_known_folders(), str(path.resolve())}
    SiteSetting.objects.update_or_create(pk=FOLDERS_KEY, defaults={"value": sorted(known)})


def list_known_folders() -> list[str]:
    return [str(each) for each in get_site_setting(FOLDERS_KEY, [])]


def refresh_sidecars() -> tuple[int, int]:
    """Have all sidecars that the site wrote say what may be said now: how many changed, and how many folders are not
    where they were. Raises OSError where one may not be written to."""
    folders = [SidecarFolder(Path(each)) for each in list_known_folders()]
    there = [folder for folder in folders if (folder.path / MANIFEST).is_file()]
    return sum(folder.refresh() for folder in there), len(folders) - len(there)


def keep_sidecars() -> None:
    """Follow what has changed since the last time, and fill the folder that the setting names."""
    marks = (model.objects.aggregate(last=Max("pk"))["last"] for model in (Event, NameChange, Photo))
    done_at = Photo.objects.aggregate(last=Max("finished_at"))["last"]
    mark = json.dumps([*marks, str(done_at), settings.SIDECAR_DIR and str(settings.SIDECAR_DIR)])
    if get_site_setting(MARK_KEY) == mark or not (settings.SIDECAR_DIR or list_known_folders()):
        return
    try:
        refresh_sidecars()
        if settings.SIDECAR_DIR:
            SidecarFolder(settings.SIDECAR_DIR).write(Photo.objects.outside_trash().order_by("pk").only("pk"))
    except OSError as error:
        log.error("sidecars cannot be written: %s", error)
        return
    SiteSetting.objects.update_or_create(pk=MARK_KEY, defaults={"value": mark})
