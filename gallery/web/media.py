"""Pictures and downloads, behind the permission to see the photo. Pictures' addresses hold a hash of the content."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath

from django.conf import settings
from django.contrib import messages
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header, parse_etags
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from zipstream import ZipStream

from gallery.core.exceptions import ActionRefused, translate_error
from gallery.core.permissions import PageRequest, contributor_required
from gallery.history.audit import record_download
from gallery.models import Face, Photo, Reference, User
from gallery.photos.exports import export_photo
from gallery.photos.renditions import (
    FACE_SIZES,
    PHOTO_WIDTHS,
    RENDITION_LIMITS,
    face_digest,
    get_face_rendition,
    get_photo_rendition,
    get_reference_rendition,
    photo_digest,
    reference_digest,
)
from gallery.photos.services import MAX_ZIP_PHOTOS
from gallery.web.photos import get_chosen_photos
from gallery.web.responses import as_download, get_next_url, refusals_as_messages
from recognition.errors import ImageError, RecognitionError
from recognition.regions import make_tagged_copy

CACHE_FOREVER = "private, max-age=31536000, immutable"


@require_safe
def photo_image(request: PageRequest, pk: int, digest: str, width: int) -> HttpResponseBase:
    photo = get_object_or_404(Photo.objects.viewable_by(request.user), pk=pk)
    if digest != photo_digest(photo) or width not in PHOTO_WIDTHS:
        raise Http404
    return picture_response(request, f"{digest}-{width}", lambda: get_photo_rendition(photo, width))


@require_safe
def face_image(request: PageRequest, pk: int, digest: str, size: int) -> HttpResponseBase:
    face = get_object_or_404(Face.objects.visible_to(request.user).select_related("photo"), pk=pk)
    if digest != face_digest(face) or size not in FACE_SIZES:
        raise Http404
    return picture_response(request, f"{digest}-{size}", lambda: get_face_rendition(face, size))


@require_safe
def reference_image(request: PageRequest, pk: int, digest: str, size: int) -> HttpResponseBase:
    reference = get_object_or_404(Reference.objects.visible_to(request.user), pk=pk)
    if digest != reference_digest(reference) or size not in FACE_SIZES:
        raise Http404
    return picture_response(request, f"{digest}-{size}", lambda: get_reference_rendition(reference, size))


def picture_response(request: HttpRequest, tag: str, make: Callable[[], Path]) -> HttpResponseBase:
    """The picture under an address that never changes its content; 304 when the browser has it already."""
    etag = f'"{tag}"'
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        response: HttpResponseBase = HttpResponse(status=304)
    else:
        try:
            response = file_response(make(), "image/webp", f"{tag}.webp", attachment=False)
        except (ImageError, FileNotFoundError) as error:  # the second: erased while it was waited for
            raise Http404(str(error)) from error
    response["ETag"] = etag
    response["Cache-Control"] = CACHE_FOREVER
    return response


def file_response(path: Path, content_type: str, name: str, *, attachment: bool) -> HttpResponseBase:
    """The file, by the proxy itself where one is configured (FACESITE_ACCEL)."""
    if not path.is_file():
        raise Http404
    response: HttpResponseBase
    if settings.ACCEL_PREFIX:
        response = HttpResponse(content_type=content_type)
        response["X-Accel-Redirect"] = (
            f"{settings.ACCEL_PREFIX}/{path.relative_to(settings.DATA_DIR).as_posix()}"
        )
    else:
        response = FileResponse(path.open("rb"), content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(attachment, name) or "inline"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@contributor_required
@require_safe
def photo_original(request: PageRequest, pk: int) -> HttpResponseBase:
    """The file as it was uploaded; without its position unless `position=yes` is asked for."""
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    is_whole = request.GET.get("position") == "yes"
    if is_whole:
        kind = mimetypes.guess_type(photo.file.path)[0] or "application/octet-stream"
        response = file_response(Path(photo.file.path), kind, photo.name, attachment=True)
        response["Cache-Control"] = "private, no-store"
    else:
        try:
            copy = make_tagged_copy(Path(photo.file.path), [], limits=RENDITION_LIMITS)
        except (ImageError, OSError) as error:
            raise Http404(str(error)) from error
        name = str(PurePath(photo.name).with_suffix(copy.suffix))
        response = as_download(HttpResponse(copy.data, content_type=copy.media_type), name)
    record_download(request.user, photo, position=is_whole)
    return response


PHOTO_EXPORT_KINDS = {"annotated", "json", "csv", "xmp"}


@require_safe
def photo_export(request: PageRequest, pk: int, kind: str) -> HttpResponse:
    """One photo with its names, in a form that other programs read."""
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    if kind not in PHOTO_EXPORT_KINDS:
        raise Http404
    has_position = "position" in request.GET
    try:
        made = export_photo(request.user, photo, kind, keep_position=has_position)
    except RecognitionError as error:
        messages.error(request, translate_error(error))
        return redirect("photo", photo.pk)
    record_download(request.user, photo, kind=kind, position=has_position)
    return as_download(HttpResponse(made.data, content_type=made.media_type), made.name)


ZIP_EXPORT_KINDS = {"annotated", "xmp"}


@require_POST
def photos_download(request: PageRequest) -> HttpResponseBase:
    """The chosen photos (`photo`, ids) as `kind`: with boxes and names drawn, or copies with names inside."""
    kind = request.POST.get("kind", "")
    with refusals_as_messages(request):
        if kind not in ZIP_EXPORT_KINDS:
            raise ActionRefused(_("Choose what to do with these photos."))
        chosen = get_chosen_photos(request, Photo.objects.visible_to(request.user), MAX_ZIP_PHOTOS)
        content = _stream_zip(request.user, chosen, kind)
        response = StreamingHttpResponse(content, content_type="application/zip")
        return as_download(response, _("photos") + ".zip")
    return redirect(get_next_url(request))


def _stream_zip(user: User, photos: Sequence[Photo], kind: str) -> Iterator[bytes]:
    """A ZIP that is written while it is sent."""
    archive, names, missing = ZipStream(), set[str](), list[str]()
    for photo in photos:
        try:
            made = export_photo(user, photo, kind)
        except (RecognitionError, OSError) as error:
            missing.append(f"{photo.name}: {translate_error(error)}")
            continue
        archive.add(made.data, _free_file_name(made.name, photo.pk, names))
        record_download(user, photo, kind=kind, position=False)
        yield from archive.all_files()
    if missing:
        archive.add("\n".join(missing), _("left out") + ".txt")
    yield from archive.finalize()


def _free_file_name(name: str, pk: int, taken: set[str]) -> str:
    """The name, or one with the photo's number where another photo in the ZIP is called so."""
    name = name.replace("/", "_").replace("\\", "_")
    if name.casefold() in taken:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem} {pk}{dot}{suffix}"
    taken.add(name.casefold())
    return name
