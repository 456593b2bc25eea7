"""Names that the files of photos, and files beside them, say are in the pictures. They wait for somebody's decision:
see people/names_in_files.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from gallery.core.limits import get_upload_limits
from gallery.models import Album, Decision, Face, NameInFile, Photo, User
from gallery.models.people import MAX_KEY_LENGTH, clean_name, get_name_key
from recognition.errors import ImageError
from recognition.images.names import NameTag, place_names
from recognition.images.orientation import turn_orientation
from recognition.images.sandbox import probe_photo, read_sidecar
from recognition.images.sidecars import Contacts, NamesOfFiles, list_sidecar_names

SAME_REGION = 0.5  # intersection over union from which two files speak of one face
MAX_ALIKE_PHOTOS = 200  # photos of similar names, among which that of a sidecar is looked for


def keep_names(photo: Photo, tags: Iterable[NameTag]) -> int:
    """Keep those that are not known for the photo yet, nor decided on; how many."""
    waiting = list(photo.names_in_file.all())
    named = Face.objects.filter(photo=photo, decision=Decision.CONFIRMED, person__isnull=False)
    decided = set(named.values_list("person__key", flat=True))
    fresh: list[NameInFile] = []
    for tag in tags:
        name = clean_name(tag.name)
        row = NameInFile(photo=photo, name=name, key=get_name_key(name))
        if tag.box is not None:
            row.left, row.width = tag.box.left * photo.width, tag.box.width * photo.width
            row.top, row.height = tag.box.top * photo.height, tag.box.height * photo.height
        is_known = row.key in decided or any(_is_same(row, other) for other in (*waiting, *fresh))
        if row.key and len(row.key) <= MAX_KEY_LENGTH and not is_known:
            fresh.append(row)
    placed = {row.key for row in fresh if row.box}
    NameInFile.objects.filter(photo=photo, key__in=placed, left=None).delete()
    NameInFile.objects.bulk_create(fresh)
    return len(fresh)


def _is_same(row: NameInFile, other: NameInFile) -> bool:
    if row.key != other.key:
        return False
    return row.box is None or (other.box is not None and row.box.iou(other.box) >= SAME_REGION)


class NamesBeside:
    """The sidecars of a folder or an archive, each read once a photo may need it."""

    def __init__(self, paths: Iterable[str], read: Callable[[str], bytes]) -> None:
        """`paths` have slashes; `read` gives the content of one."""
        self.paths, self._read = sorted(paths), read
        self.used: set[str] = set()
        self.refused: dict[str, ImageError] = {}  # damaged, or of no known program
        self._places = {path.lower(): path for path in self.paths}
        self._found: dict[str, NamesOfFiles] = {}
        self._contacts: Contacts = {}
        for path in self.paths:
            if path.lower().endswith("contacts.xml"):
                self._contacts |= self._open(path)[1]
                self.used.add(path)

    def keep(self, photo: Photo, path: str) -> int:
        """Keep the names that sidecars have for the photo, which lay at this path; how many."""
        place = PurePosixPath(path)
        own = [str(place.with_name(name)) for name in list_sidecar_names(place.name)]
        lists = [str(place.with_name(name)) for name in (".picasa.ini", "picasa.ini")]
        tags = [tag for each in own for tags in self._list_names(each).values() for tag in tags]
        kept = _keep_beside(photo, tags)
        for each in lists:
            named = {name.lower(): tags for name, tags in self._list_names(each).items()}
            kept += _keep_beside(photo, named.get(place.name.lower(), []), is_picasa=True)
        return kept

    def _list_names(self, path: str) -> NamesOfFiles:
        there = self._places.get(path.lower())
        if there is None:
            return {}
        if there not in self._found:
            self._found[there] = self._open(there)[0]
        self.used.add(there)
        return self._found[there]

    def _open(self, path: str) -> tuple[NamesOfFiles, Contacts]:
        try:
            return read_sidecar(self._read(path), PurePosixPath(path.lower()).suffix, self._contacts)
        except ImageError as error:
            self.refused[path] = error
            return {}, {}


def _keep_beside(photo: Photo, tags: list[NameTag], *, is_picasa: bool = False) -> int:
    if not tags:
        return 0
    info = probe_photo(photo.picture, get_upload_limits())
    orientation = info.written_orientation
    if is_picasa and info.kind == "RAW":  # the only boxes that Picasa turns
        orientation = turn_orientation(1, photo.turn)
    return keep_names(photo, place_names(tags, info.width, info.height, orientation))


def keep_sent_names(user: User, name: str, content: bytes, album: Album | None) -> tuple[int, int]:
    """A sidecar sent by itself: its names for those of the user's own photos it speaks of, and how many photos these
    are. A photo counts only where no other is called the same. Raises ImageError."""
    beside = NamesBeside([name], lambda path: content)
    photos = Photo.objects.visible_to(user).filter(uploaded_by=user)
    if album:
        photos = photos.filter(albums=album)
    if name.lower().endswith(".ini"):
        files, _contacts = read_sidecar(content, ".ini")
        found = [photo for file in files for photo in photos.filter(name__iexact=file)[:2]]
    else:
        stem = name.split(".")[0].split("(")[0]
        alike = photos.filter(name__istartswith=stem)[:MAX_ALIKE_PHOTOS]
        found = [photo for photo in alike if name.lower() in list_sidecar_names(photo.name)]
    times = [photo.name.lower() for photo in found]
    own = [photo for photo in found if times.count(photo.name.lower()) == 1]
    kept = sum(beside.keep(photo, photo.name) for photo in own)
    if error := beside.refused.get(name):
        raise error
    return kept, len(own)
