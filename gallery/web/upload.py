"""Uploading: one file a request from the page's script, all at once from a plain form, many in a ZIP."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from django.conf import settings
from django.contrib import messages
from django.core.files.base import ContentFile, File
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gallery.core.erased import let_erased_return
from gallery.core.exceptions import ActionRefused, translate_error
from gallery.core.limits import get_upload_limits
from gallery.core.pagination import find_by_id, parse_id
from gallery.core.permissions import PageRequest, contributor_required, takes_files
from gallery.core.throttling import UploadQuotaReached
from gallery.models import Album, PartialUpload, Photo, User
from gallery.photos.albums import create_album, find_albums_called
from gallery.photos.file_names import NamesBeside, keep_sent_names
from gallery.photos.partial_uploads import (
    PartRefused,
    append_part,
    begin_upload,
    discard_upload,
    list_partial_uploads,
    open_upload,
)
from gallery.photos.selectors import get_processing_progress, list_unfinished_photos
from gallery.photos.services import add_photo
from gallery.web.error_pages import TRANSIENT_ERRORS, explain_server_error
from gallery.web.named_errors import is_return_confirmed
from recognition.errors import ImageError
from recognition.images.archive import is_archive, read_archive_members
from recognition.images.sidecars import MAX_SIDECAR_BYTES, is_sidecar_name

ADDED, DUPLICATE, REFUSED = "added", "duplicate", "refused"
BESIDE = "beside"  # kept with a photo
NAMES = "names"  # a file beside photos was read
MAX_SIDECARS_BYTES = 64_000_000  # of an archive, kept in memory until its photos are added
FAILED = "failed"  # not the file's fault: the same file may be sent again


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What became of one file."""

    kind: str
    name: str
    sentence: str = ""
    photo: Photo | None = None  # the one it became or already is; None if it lies in the trash
    is_trashed: bool = False
    wait_seconds: int = 0  # after which the same file is welcome


@contributor_required
@require_safe
def upload_page(request: PageRequest) -> HttpResponse:
    unfinished = list_unfinished_photos(request.user)
    context = {**_upload_context(request.user, parse_id(request.GET.get("album"))), "unfinished": unfinished}
    return render(request, "gallery/upload.html", context)


def _upload_context(user: User, album: int | None) -> dict[str, object]:
    return {
        "albums": Album.objects.visible_to(user).order_by("-pk")[:200],
        "album": album,
        "partial_uploads": list_partial_uploads(user),
        "progress": get_processing_progress(user),
        "max_mb": settings.UPLOAD_MAX_MB,
    }


@takes_files
@contributor_required
@require_POST
def upload_plain(request: PageRequest) -> HttpResponse:
    """Without scripts: all chosen files in one request, then a page that says what became of each."""
    try:
        album = _get_target_album(request)
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("upload")
    files = request.FILES.getlist("photos") + request.FILES.getlist("folder")
    files.sort(key=lambda file: is_sidecar_name(file.name or ""))  # after the photos they are about
    results = [result for file in files for result in _take_file(request, file, album)]
    return render(
        request,
        "gallery/upload.html",
        {**_upload_context(request.user, album.pk if album else None), "results": results, "is_sent": True},
    )


@takes_files
@contributor_required
@require_POST
def upload_file(request: PageRequest) -> HttpResponseBase:
    """One file (or ZIP), sent now or arrived in parts: a line of JSON for every photo, as soon as it is safe."""
    files: list[File[bytes]] = list(request.FILES.getlist("photos"))
    upload = find_by_id(list_partial_uploads(request.user), request.POST.get("upload"))
    if upload is not None:
        try:
            files.append(open_upload(upload))
        except PartRefused as refused:
            return _say_where_to_go_on(refused)
    try:
        album = _get_target_album(request)
    except ActionRefused as refusal:
        results: Iterable[UploadResult] = [
            UploadResult(FAILED, file.name or _("photo"), str(refusal)) for file in files
        ]
    else:
        results = (result for file in files for result in _take_file(request, file, album))
    if upload is not None:
        results = _discard_when_taken(upload, files[-1], results)
    lines = (json.dumps(_result_as_json(request, result)) + "\n" for result in results)
    return StreamingHttpResponse(lines, content_type="application/x-ndjson")


def _discard_when_taken(
    upload: PartialUpload, file: File[bytes], results: Iterable[UploadResult]
) -> Iterator[UploadResult]:
    """Pass the results on; what arrived is kept where the same file may be tried again."""
    is_taken = True
    with file:
        for result in results:
            is_taken &= result.kind != FAILED and not result.wait_seconds
            yield result
    if is_taken:
        discard_upload(upload)


@contributor_required
@require_POST
def upload_begin(request: PageRequest) -> JsonResponse:
    """Where a large file is to be sent from: from its start, or from what has arrived of it."""
    size, modified = parse_id(request.POST.get("size")), parse_id(request.POST.get("modified"))
    try:
        upload = begin_upload(request.user, request.POST.get("name", ""), size or 0, modified or 0)
    except UploadQuotaReached as reached:
        answer = JsonResponse({"error": str(reached)}, status=429)
        answer["Retry-After"] = str(reached.wait_seconds)
        return answer
    except ActionRefused as refusal:
        return JsonResponse({"error": str(refusal)}, status=422)
    return JsonResponse({"upload": upload.pk, "arrived": upload.arrived})


@takes_files
@contributor_required
@require_POST
def upload_part(request: PageRequest) -> JsonResponse:
    upload = find_by_id(list_partial_uploads(request.user), request.POST.get("upload"))
    if upload is None:
        return JsonResponse({"error": _("What had arrived of this file is gone. Send it again.")}, status=410)
    offset, checksum = parse_id(request.POST.get("offset")), parse_id(request.POST.get("checksum"))
    part = request.FILES.get("part", ContentFile(b""))
    try:
        arrived = append_part(upload, offset or 0, checksum or 0, part)
    except PartRefused as refused:
        return _say_where_to_go_on(refused)
    return JsonResponse({"arrived": arrived})


def _say_where_to_go_on(refused: PartRefused) -> JsonResponse:
    return JsonResponse({"error": str(refused), "arrived": refused.arrived}, status=409)


@contributor_required
@require_POST
def upload_discard(request: PageRequest) -> HttpResponse:
    """Give up a file of which a part has arrived."""
    if upload := find_by_id(list_partial_uploads(request.user), request.POST.get("upload")):
        discard_upload(upload)
    return redirect("upload")


@contributor_required
@require_POST
def upload_new_album(request: PageRequest) -> JsonResponse:
    """A new album to upload into."""
    try:
        album = _get_album_called(request, request.POST.get("new_album", ""))
    except ActionRefused as refusal:
        return JsonResponse({"error": str(refusal)}, status=422)
    return JsonResponse({"album": album.pk, "name": album.name})


def _get_album_called(request: PageRequest, name: str) -> Album:
    """The album of this name that the user sees, or a new one."""
    is_recognised = "unrecognised" not in request.POST
    found = find_albums_called(request.user, name).first()
    if found is None:
        return create_album(request.user, name, is_recognised=is_recognised)
    if found.is_recognised and not is_recognised:
        raise ActionRefused(
            _("There is already an album “%(name)s”, and faces are recognised in it. Write another name.")
            % {"name": found.name}
        )
    return found


def _get_target_album(request: PageRequest) -> Album | None:
    user, name = request.user, request.POST.get("new_album", "").strip()
    if name:
        return _get_album_called(request, name)
    found = find_by_id(Album.objects.visible_to(user), request.POST.get("album"))
    if found is None and parse_id(
        request.POST.get("album")
    ):  # into none they would be seen by all, and looked at
        raise ActionRefused(
            _("The album is not there any more. Nothing was added; choose another album, or none.")
        )
    return found


def _take_file(request: PageRequest, file: File[bytes], album: Album | None) -> Iterator[UploadResult]:
    name = file.name or _("photo")
    is_zip = is_archive(file.read(8))
    file.seek(0)
    if is_sidecar_name(name):
        yield _take_sidecar(request, file, name, album)
        return
    if not is_zip:
        yield _add_one_photo(request, file.chunks(), name, album)
        return
    sidecars, photos = dict[str, bytes](), dict[str, Photo]()
    try:
        for member in read_archive_members(
            cast("BinaryIO", file), get_upload_limits(), system_folders=settings.SYSTEM_FOLDERS
        ):
            if member.refused:
                name_inside = PurePosixPath(member.name).name
                yield UploadResult(REFUSED, name_inside, translate_error(member.refused))
            elif is_sidecar_name(member.name):
                if sum(map(len, sidecars.values())) < MAX_SIDECARS_BYTES:
                    sidecars[member.name] = member.data
            else:
                result = _add_one_photo(request, [member.data], member.name, album)
                if result.photo is not None:
                    photos[member.name] = result.photo
                yield result
    except ImageError as refusal:
        yield UploadResult(REFUSED, name, translate_error(refusal))
    yield from _keep_names_of_archive(sidecars, photos)


def _keep_names_of_archive(sidecars: dict[str, bytes], photos: dict[str, Photo]) -> Iterator[UploadResult]:
    """Names that files in the archive have for its photos; those that say nothing of any are reported."""
    beside = NamesBeside(sidecars, sidecars.__getitem__)
    for path, photo in photos.items():
        beside.keep(photo, path)
    for path in beside.paths:
        name = PurePosixPath(path).name
        if path in beside.refused:
            yield UploadResult(REFUSED, name, translate_error(beside.refused[path]))
        elif path not in beside.used:
            yield UploadResult(REFUSED, name, _("It lies beside none of the photos."))


def _take_sidecar(request: PageRequest, file: File[bytes], name: str, album: Album | None) -> UploadResult:
    try:
        kept, photos = keep_sent_names(request.user, name, file.read(MAX_SIDECAR_BYTES + 1), album)
    except ImageError as error:
        return UploadResult(REFUSED, name, translate_error(error))
    if not photos:
        sentence = _(
            "Of your photos, not exactly one is called as this file says. Add it first, or both as a ZIP."
        )
        return UploadResult(REFUSED, name, sentence)
    said = ngettext(
        "%(count)s new name read for your photos.", "%(count)s new names read for your photos.", kept
    )
    return UploadResult(NAMES, name, said % {"count": kept})


def _add_one_photo(
    request: PageRequest, chunks: Iterable[bytes], path: str, album: Album | None
) -> UploadResult:
    user, name = request.user, PurePosixPath(path).name
    try:
        with let_erased_return(
            partial(is_return_confirmed, request)
        ):  # the answer streams: no middleware does it
            added = add_photo(user, chunks, path, album)
    except UploadQuotaReached as error:
        return UploadResult(REFUSED, name, str(error), wait_seconds=error.wait_seconds)
    except (ImageError, ActionRefused) as error:
        return UploadResult(REFUSED, name, translate_error(error))
    except TRANSIENT_ERRORS as error:
        close_old_connections()  # what comes next in this request gets one that is not broken
        return UploadResult(FAILED, name, explain_server_error(error))
    if added.companion:
        sentence = _("Kept with “%(photo)s”, which it belongs to.") % {"photo": added.photo.name}
        return UploadResult(BESIDE, name, sentence, added.photo)
    if not added.is_duplicate:
        return UploadResult(ADDED, name, photo=added.photo)
    if added.is_new_in_album and album:
        sentence = _("Already here, now also in “%(album)s”.") % {"album": album.name}
        return UploadResult(DUPLICATE, name, sentence, added.photo)
    if added.refusal:
        sentence = _("Already here. It was not put into the album: %(why)s Open it to do so.")
        return UploadResult(DUPLICATE, name, sentence % {"why": added.refusal}, added.photo)
    if Photo.objects.visible_to(user).filter(pk=added.photo.pk).exists():
        return UploadResult(DUPLICATE, name, _("Already here."), added.photo)
    sentence = _("Already here, in the trash. It can be restored from there.")
    return UploadResult(DUPLICATE, name, sentence, is_trashed=True)


def _result_as_json(request: HttpRequest, result: UploadResult) -> dict[str, str | int]:
    is_tile = result.kind == ADDED and result.photo is not None
    template = "gallery/_tile.html" if is_tile else "gallery/_upload_result.html"
    html = render_to_string(template, {"photo": result.photo, "result": result}, request)
    said: dict[str, str | int] = {
        "kind": result.kind,
        "name": result.name,
        "sentence": result.sentence,
        "html": html,
    }
    return {**said, "wait": result.wait_seconds} if result.wait_seconds else said
