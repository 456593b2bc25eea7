"""Downloads of photos with their names: one photo, or chosen photos in a ZIP that is written while it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from zipstream import ZipStream

from gallery.core.exceptions import ActionRefused, translate_error
from gallery.core.permissions import current_user
from gallery.history.audit import record_download
from gallery.models import Photo, User
from gallery.photos.exports import export_photo
from gallery.photos.services import MAX_ZIP_PHOTOS
from gallery.web.photos import get_chosen_photos
from gallery.web.redirects import get_next_url
from recognition.errors import RecognitionError

PHOTO_EXPORT_KINDS = {"annotated", "json", "csv", "xmp"}


@require_safe
def photo_export(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(Photo.objects.visible_to(user), pk=pk)
    if kind not in PHOTO_EXPORT_KINDS:
        raise Http404
    try:
        made = export_photo(user, photo, kind, keep_position="position" in request.GET)
    except RecognitionError as error:
        messages.error(request, translate_error(error))
        return redirect("photo", photo.pk)
    record_download(user, photo, kind=kind, position="position" in request.GET)
    response = HttpResponse(made.data, content_type=made.media_type)
    response["Content-Disposition"] = content_disposition_header(True, made.name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


ZIP_EXPORT_KINDS = {"annotated", "xmp"}


@require_POST
def photos_download(request: HttpRequest) -> HttpResponseBase:
    """The chosen photos (`photo`, ids) as `kind`: with boxes and names drawn, or copies with names inside."""
    user, kind = current_user(request), request.POST.get("kind", "")
    try:
        if kind not in ZIP_EXPORT_KINDS:
            raise ActionRefused(_("Choose what to do with these photos."))
        chosen = get_chosen_photos(request, Photo.objects.visible_to(user), MAX_ZIP_PHOTOS)
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
        return redirect(get_next_url(request))
    response = StreamingHttpResponse(_stream_zip(user, chosen, kind), content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, _("photos") + ".zip") or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _stream_zip(user: User, photos: Sequence[Photo], kind: str) -> Iterator[bytes]:
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
