"""Pictures, each behind the permission to see its photo. Addresses hold a hash of the content."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path, PurePath

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header, parse_etags
from django.views.decorators.http import require_safe

from gallery.core.permissions import contributor_required, current_user
from gallery.history.audit import record_download
from gallery.models import Face, Photo, Reference
from gallery.photos.renditions import (
    FACE_SIZES,
    PHOTO_WIDTHS,
    RENDITION_LIMITS,
    face_digest,
    get_face_rendition,
    get_original_path,
    get_photo_rendition,
    get_reference_rendition,
    photo_digest,
    reference_digest,
)
from recognition.errors import ImageError
from recognition.regions import TaggedCopy, make_tagged_copy

CACHE_FOREVER = "private, max-age=31536000, immutable"


@require_safe
def photo_image(request: HttpRequest, pk: int, digest: str, width: int) -> HttpResponseBase:
    photo = get_object_or_404(Photo.objects.viewable_by(current_user(request)), pk=pk)
    if digest != photo_digest(photo) or width not in PHOTO_WIDTHS:
        raise Http404
    return picture_response(request, f"{digest}-{width}", lambda: get_photo_rendition(photo, width))


@require_safe
def face_image(request: HttpRequest, pk: int, digest: str, size: int) -> HttpResponseBase:
    faces = Face.objects.visible_to(current_user(request)).select_related("photo")
    face = get_object_or_404(faces, pk=pk)
    if digest != face_digest(face) or size not in FACE_SIZES:
        raise Http404
    return picture_response(request, f"{digest}-{size}", lambda: get_face_rendition(face, size))


@require_safe
def reference_image(request: HttpRequest, pk: int, digest: str, size: int) -> HttpResponseBase:
    reference = get_object_or_404(Reference.objects.visible_to(current_user(request)), pk=pk)
    if digest != reference_digest(reference) or size not in FACE_SIZES:
        raise Http404
    return picture_response(request, f"{digest}-{size}", lambda: get_reference_rendition(reference, size))


@contributor_required
@require_safe
def photo_original(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file as it was uploaded; without its position unless `position=yes` is asked for."""
    user = current_user(request)
    photo = get_object_or_404(Photo.objects.visible_to(user), pk=pk)
    is_whole = request.GET.get("position") == "yes"
    response: HttpResponseBase
    if is_whole:
        kind = mimetypes.guess_type(photo.file.path)[0] or "application/octet-stream"
        response = file_response(get_original_path(photo), kind, photo.name, attachment=True)
    else:
        copy = _copy_without_position(photo)
        name = str(PurePath(photo.name).with_suffix(copy.suffix))
        response = HttpResponse(copy.data, content_type=copy.media_type)
        response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Cache-Control"] = "private, no-store"
    record_download(user, photo, position=is_whole)
    return response


def _copy_without_position(photo: Photo) -> TaggedCopy:
    try:
        return make_tagged_copy(get_original_path(photo), [], limits=RENDITION_LIMITS)
    except (ImageError, OSError) as error:
        raise Http404(str(error)) from error


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
        response["X-Accel-Redirect"] = _accelerated_path(path)
    else:
        response = FileResponse(path.open("rb"), content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(attachment, name) or "inline"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _accelerated_path(path: Path) -> str:
    return f"{settings.ACCEL_PREFIX}/{path.relative_to(settings.DATA_DIR).as_posix()}"
