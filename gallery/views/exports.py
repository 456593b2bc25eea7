"""Downloads of one photo with its names."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from gallery import audit
from gallery.access import current_user
from gallery.exports import export
from gallery.refusals import in_words
from gallery.visibility import visible_photos
from recognition.types import RecognitionError

KINDS = {"annotated", "json", "csv", "xmp"}


@require_safe
def photo_export(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    user = current_user(request)
    photo = get_object_or_404(visible_photos(user), pk=pk)
    if kind not in KINDS:
        raise Http404
    try:
        made = export(user, photo, kind, keep_position="position" in request.GET)
    except RecognitionError as error:
        messages.error(request, in_words(error))
        return redirect("photo", photo.pk)
    audit.downloaded(user, photo, kind=kind, position="position" in request.GET)
    response = HttpResponse(made.data, content_type=made.media_type)
    response["Content-Disposition"] = content_disposition_header(True, made.name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
