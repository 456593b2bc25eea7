"""Chosen photos taken away with their names, in one ZIP that is written while it is sent."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from typing import IO, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gallery import audit
from gallery.access import current_user
from gallery.exports import export
from gallery.models import Photo, User
from gallery.refusals import in_words
from gallery.services.errors import Refused
from gallery.services.many import MOST_FILES
from gallery.views.many import chosen_photos
from gallery.views.theme import back
from gallery.visibility import visible_photos
from recognition.types import RecognitionError

KINDS = {"annotated", "xmp"}


@require_POST
def photos_download(request: HttpRequest) -> HttpResponseBase:
    """The chosen photos (`photo`, ids) as `kind`: with boxes and names drawn, or copies with names inside."""
    user, kind = current_user(request), request.POST.get("kind", "")
    try:
        if kind not in KINDS:
            raise Refused(_("Choose what to do with these photos."))
        chosen = chosen_photos(request, visible_photos(user), MOST_FILES)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(back(request))
    response = StreamingHttpResponse(_zipped(user, chosen, kind), content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, _("photos") + ".zip") or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


class _Sink:
    """A file that cannot be sought: what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        data, self.pieces = b"".join(self.pieces), []
        return data


def _zipped(user: User, photos: Sequence[Photo], kind: str) -> Iterator[bytes]:
    sink, names, missing = _Sink(), set[str](), list[str]()
    with zipfile.ZipFile(
        cast("IO[bytes]", sink), "w", zipfile.ZIP_STORED
    ) as archive:  # pictures are compressed already
        for photo in photos:
            try:
                made = export(user, photo, kind)
            except (RecognitionError, OSError) as error:
                missing.append(f"{photo.name}: {in_words(error)}")
                continue
            archive.writestr(_free(made.name, photo.pk, names), made.data)
            audit.downloaded(user, photo, kind=kind, position=False)
            yield sink.taken()
        if missing:
            archive.writestr(_("left out") + ".txt", "\n".join(missing))
    yield sink.taken()


def _free(name: str, pk: int, taken: set[str]) -> str:
    """The name, or one with the photo's number where another photo in the ZIP is called so."""
    name = name.replace("/", "_").replace("\\", "_")
    if name.casefold() in taken:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem} {pk}{dot}{suffix}"
    taken.add(name.casefold())
    return name
