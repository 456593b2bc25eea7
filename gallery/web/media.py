"""Pictures and downloads, behind the permission to see the photo. Pictures' addresses hold a hash of the content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from zipstream import ZipStream

from gallery.core.downloads import as_download, picture_response
from gallery.core.exceptions import ActionRefused, NotThere, translate_error
from gallery.core.pagination import find_by_id
from gallery.core.permissions import PageRequest, contributor_required, gives_file
from gallery.history.audit import record_download, record_export
from gallery.models import Album, Companion, Face, Photo, Reference, User
from gallery.photos.exports import companion_response, export_photo, list_original_files, original_response
from gallery.photos.renditions import (
    FACE_SIZES,
    PHOTO_WIDTHS,
    face_digest,
    get_face_rendition,
    get_photo_rendition,
    get_reference_rendition,
    photo_digest,
    reference_digest,
)
from gallery.photos.services import MAX_ZIP_PHOTOS
from gallery.photos.sidecars import list_sidecar_facts, make_sidecar_name
from gallery.web.photos import get_chosen_photos
from recognition.errors import ImageError, RecognitionError


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


@gives_file
@contributor_required
@require_safe
def photo_original(request: PageRequest, pk: int) -> HttpResponseBase:
    """The very bytes that were uploaded; with `position=no` a copy without the place where it was taken."""
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    return original_response(request.user, photo, has_position=request.GET.get("position") != "no")


@gives_file
@contributor_required
@require_safe
def photo_companion(request: PageRequest, pk: int, companion: int) -> HttpResponseBase:
    """A file that is kept beside the photo: its camera raw file, its video."""
    rows = Companion.objects.filter(photo__in=Photo.objects.visible_to(request.user), photo=pk)
    return companion_response(request.user, get_object_or_404(rows, pk=companion))


PHOTO_EXPORT_KINDS = {"annotated", "json", "csv", "xmp", "sidecar"}


@gives_file
@require_safe
def photo_export(request: PageRequest, pk: int, kind: str) -> HttpResponse:
    """One photo with its names, in a form that other programs read."""
    photo = get_object_or_404(Photo.objects.visible_to(request.user), pk=pk)
    if kind not in PHOTO_EXPORT_KINDS:
        raise Http404
    has_position = "position" in request.GET
    made = export_photo(request.user, photo, kind, keep_position=has_position)
    record_download(request.user, photo, kind=kind, position=has_position)
    return as_download(HttpResponse(made.data, content_type=made.media_type), made.name)


ZIP_EXPORT_KINDS = {"annotated", "xmp", "original", "sidecar"}


@gives_file
@require_POST
def photos_download(request: PageRequest) -> HttpResponseBase:
    """The chosen photos (`photo`, ids) as `kind`: with boxes and names drawn, copies with names inside, or for
    contributors the files as they were uploaded, with those that are kept beside them."""
    kind = request.POST.get("kind", "")
    if kind == "original" and not request.user.is_contributor:
        raise PermissionDenied
    if kind not in ZIP_EXPORT_KINDS:
        raise ActionRefused(_("Choose what to do with these photos."))
    chosen = get_chosen_photos(request, Photo.objects.visible_to(request.user), MAX_ZIP_PHOTOS)
    content = _stream_zip(request.user, chosen, kind)
    beginning = next(content)  # what goes wrong by then is told on a page
    response = StreamingHttpResponse(chain([beginning], content), content_type="application/zip")
    return as_download(response, _("photos") + ".zip")


def _stream_zip(user: User, photos: Sequence[Photo], kind: str) -> Iterator[bytes]:
    """A ZIP that is written while it is sent."""
    archive, names, missing = ZipStream(), set[str](), list[str]()
    for photo in photos:
        try:
            if kind == "original":
                for path, name in list_original_files(photo):
                    archive.add_path(path, _free_file_name(name, photo.pk, names))
            else:
                made = export_photo(user, photo, kind)
                archive.add(made.data, _free_file_name(made.name, photo.pk, names))
        except (RecognitionError, NotThere, OSError) as error:
            missing.append(f"{photo.name}: {translate_error(error)}")
            continue
        record_download(user, photo, kind=kind, position=kind == "original")
        yield from archive.all_files()
    if not names:
        raise ActionRefused("\n".join(missing))
    if missing:
        archive.add("\n".join(missing), _("left out") + ".txt")
    yield from archive.finalize()


@gives_file
@contributor_required
@require_safe
def sidecars_download(request: PageRequest) -> HttpResponseBase:
    """The sidecars of an album (`album`), or of all photos, in one ZIP."""
    photos, name = Photo.objects.visible_to(request.user), _("sidecars")
    if "album" in request.GET:
        album = find_by_id(Album.objects.visible_to(request.user), request.GET["album"])
        if album is None:
            raise Http404
        photos, name = photos.filter(albums=album), album.name
    found = [Photo(pk=pk) for pk in photos.order_by("pk").values_list("pk", flat=True)]
    record_export(request.user, sidecars=len(found))
    content = _stream_sidecars(found)
    return as_download(StreamingHttpResponse(content, content_type="application/zip"), f"{name}.zip")


def _stream_sidecars(photos: Sequence[Photo]) -> Iterator[bytes]:
    archive, taken = ZipStream(), set[str]()
    for facts in list_sidecar_facts(photos):
        name = make_sidecar_name(facts.photo, taken)
        taken.add(name.casefold())
        try:
            archive.add(facts.build(), name)
        except (ImageError, OSError):
            continue  # a photo that cannot be read has no sidecar; its page says so
        yield from archive.all_files()
    yield from archive.finalize()


def _free_file_name(name: str, pk: int, taken: set[str]) -> str:
    """The name, or one with the photo's number where another photo in the ZIP is called so."""
    name = name.replace("/", "_").replace("\\", "_")
    if name.casefold() in taken:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem} {pk}{dot}{suffix}"
    taken.add(name.casefold())
    return name
