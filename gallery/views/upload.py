"""Uploading: one file a request from the page's script, all at once from a plain form, many in a ZIP."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.access import contributor_required, current_user
from gallery.browse import photos
from gallery.browse.paging import as_id
from gallery.limits import limits
from gallery.models import Album, Photo, User
from gallery.refusals import in_words
from gallery.services import albums as album_acts
from gallery.services.errors import Refused
from gallery.services.photos import add_photo
from gallery.views import trouble
from gallery.visibility import visible_albums, visible_photos
from recognition.images import archive
from recognition.types import ImageError

ADDED, DUPLICATE, REFUSED = "added", "duplicate", "refused"
FAILED = "failed"  # not the file's fault: the same file may be sent again


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file."""

    kind: str
    name: str
    sentence: str = ""
    photo: Photo | None = None  # the one it became or already is; None if it lies in the trash
    is_trashed: bool = False


@contributor_required
@require_safe
def upload_page(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    unfinished = photos.unfinished(user)
    context = {**_page(user, as_id(request.GET.get("album"))), "unfinished": unfinished}
    return render(request, "gallery/upload.html", context)


def _page(user: User, album: int | None) -> dict[str, object]:
    return {
        "albums": visible_albums(user).order_by("-pk")[:200],
        "album": album,
        "progress": photos.progress(user),
        "max_mb": settings.UPLOAD_MAX_MB,
    }


@contributor_required
@require_POST
def upload_plain(request: HttpRequest) -> HttpResponse:
    """Without scripts: all chosen files in one request, then a page that says what became of each."""
    user = current_user(request)
    try:
        album = _album(request)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("upload")
    files = request.FILES.getlist("photos") + request.FILES.getlist("folder")
    results = [result for file in files for result in _take(user, file, album)]
    return render(
        request,
        "gallery/upload.html",
        {**_page(user, album.pk if album else None), "results": results, "is_sent": True},
    )


@contributor_required
@require_POST
def upload_file(request: HttpRequest) -> StreamingHttpResponse:
    """One file (or ZIP): a line of JSON for every photo, as soon as it is safe."""
    files = request.FILES.getlist("photos")
    try:
        album = _album(request)
    except Refused as refusal:
        results: Iterable[Result] = [Result(FAILED, file.name or _("photo"), str(refusal)) for file in files]
    else:
        results = (result for file in files for result in _take(current_user(request), file, album))
    lines = (json.dumps(_told(request, result)) + "\n" for result in results)
    return StreamingHttpResponse(lines, content_type="application/x-ndjson")


@contributor_required
@require_POST
def upload_album(request: HttpRequest) -> JsonResponse:
    """A new album to upload into."""
    try:
        album = _new_album(request, request.POST.get("new_album", ""))
    except Refused as refusal:
        return JsonResponse({"error": str(refusal)}, status=422)
    return JsonResponse({"album": album.pk, "name": album.name})


def _new_album(request: HttpRequest, name: str) -> Album:
    return album_acts.create(current_user(request), name, is_recognised="unrecognised" not in request.POST)


def _album(request: HttpRequest) -> Album | None:
    user, name = current_user(request), request.POST.get("new_album", "").strip()
    if name:
        return _new_album(request, name)
    pk = as_id(request.POST.get("album"))
    found = visible_albums(user).filter(pk=pk).first() if pk else None
    if pk and found is None:  # into none they would be seen by all, and looked at
        raise Refused(_("The album is not there any more. Nothing was added; choose another album, or none."))
    return found


def _take(user: User, file: UploadedFile[bytes], album: Album | None) -> Iterator[Result]:
    name = file.name or _("photo")
    is_zip = archive.is_archive(file.read(8))
    file.seek(0)
    if not is_zip:
        yield _take_one(user, file.chunks(), name, album)
        return
    try:
        for member in archive.photos(cast("BinaryIO", file), limits()):
            yield _take_member(user, member, album)
    except ImageError as refusal:
        yield Result(REFUSED, name, in_words(refusal))


def _take_member(user: User, member: archive.Member, album: Album | None) -> Result:
    name = PurePosixPath(member.name).name
    if member.refused:
        return Result(REFUSED, name, in_words(member.refused))
    return _take_one(user, [member.data], name, album)


def _take_one(user: User, chunks: Iterable[bytes], name: str, album: Album | None) -> Result:
    try:
        added = add_photo(user, chunks, name, album)
    except (ImageError, Refused) as error:
        return Result(REFUSED, name, in_words(error))
    except trouble.PASSING as error:
        trouble.let_go()
        return Result(FAILED, name, trouble.sentence(error))
    if not added.is_duplicate:
        return Result(ADDED, name, photo=added.photo)
    return _duplicate(user, name, added.photo)


def _duplicate(user: User, name: str, photo: Photo) -> Result:
    if visible_photos(user).filter(pk=photo.pk).exists():
        return Result(DUPLICATE, name, _("Already here."), photo)
    return Result(
        DUPLICATE, name, _("Already here, in the trash. It can be restored from there."), is_trashed=True
    )


def _told(request: HttpRequest, result: Result) -> dict[str, str]:
    is_tile = result.kind == ADDED and result.photo is not None
    template = "gallery/_tile.html" if is_tile else "gallery/_upload_result.html"
    html = render_to_string(template, {"photo": result.photo, "result": result}, request)
    return {"kind": result.kind, "name": result.name, "sentence": result.sentence, "html": html}
