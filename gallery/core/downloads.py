"""Pictures and files as answers: kept by whoever has them already, sent by the proxy where one does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.utils.http import content_disposition_header, parse_etags
from django.utils.translation import gettext_lazy

from gallery.core.exceptions import NotThere
from gallery.models.storage import FolderStorage, get_storage
from recognition.errors import ImageError

CACHE_FOREVER = "private, max-age=31536000, immutable"
Response = TypeVar("Response", bound=HttpResponseBase)
ASK_EACH_TIME = "private, no-cache"
FILE_MISSING = gettext_lazy(
    "The file is missing on the server's disk. An administrator can bring it back: on the page about"
    " backups, have the files looked at and put right."
)


def picture_response(
    request: HttpRequest, tag: str, make: Callable[[], Path], cache: str = CACHE_FOREVER
) -> HttpResponseBase:
    """The picture that has this tag while its content is the same; 304 for whoever has it already."""

    def respond() -> HttpResponseBase:
        try:
            return file_response(make(), "image/webp", f"{tag}.webp", attachment=False)
        except (ImageError, FileNotFoundError) as error:  # the second: erased while it was waited for
            raise Http404(str(error)) from error

    return tagged_response(request, tag, respond, cache)


def tagged_response(
    request: HttpRequest, tag: str, respond: Callable[[], HttpResponseBase], cache: str
) -> HttpResponseBase:
    etag = f'"{tag}"'
    is_there = etag in parse_etags(request.headers.get("If-None-Match", ""))
    response = HttpResponse(status=304) if is_there else respond()
    response["ETag"] = etag
    response["Cache-Control"] = cache
    return response


def file_response(path: Path, content_type: str, name: str, *, attachment: bool) -> HttpResponseBase:
    """The file, by the proxy itself where one is configured (FACESITE_ACCEL)."""
    require_file(path)
    if not settings.ACCEL_PREFIX:
        return _guard(FileResponse(path.open("rb"), content_type=content_type), name, attachment=attachment)
    response = HttpResponse(content_type=content_type)
    response["X-Accel-Redirect"] = f"{settings.ACCEL_PREFIX}/{path.relative_to(settings.DATA_DIR).as_posix()}"
    return _guard(response, name, attachment=attachment)


def stored_response(name: str, content_type: str, shown_name: str, *, attachment: bool) -> HttpResponseBase:
    """An original or a reference; from a bucket as it comes from there, or by a short address of the bucket's own."""
    storage = get_storage()
    if isinstance(storage, FolderStorage):
        return file_response(Path(storage.path(name)), content_type, shown_name, attachment=attachment)
    if not storage.exists(name):
        raise NotThere(FILE_MISSING)
    if link := storage.make_link(name, content_type, shown_name, attachment=attachment):
        return HttpResponseRedirect(link)
    file = storage.open(name)
    response = FileResponse(file, content_type=content_type)
    response["Content-Length"] = str(file.size)
    return _guard(response, shown_name, attachment=attachment)


def _guard(response: Response, name: str, *, attachment: bool) -> Response:
    """What people sent runs nothing in a browser."""
    response["Content-Disposition"] = content_disposition_header(attachment, name) or "inline"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def require_file(path: Path) -> None:
    if not path.is_file():
        raise NotThere(FILE_MISSING)


def as_download(response: Response, name: str) -> Response:
    """The answer as a file to be kept under this name, which no cache has."""
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
