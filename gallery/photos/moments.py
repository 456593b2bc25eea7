"""When photos were taken: what their files, the names of files and folders, and people say of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from gallery.models import Photo
from gallery.models.photos import TakenSource
from recognition.images import ImageInfo
from recognition.images.moments import Moment, find_moment_in_folder, find_moment_in_name


def find_moment(info: ImageInfo, path: str, file_time: datetime | None = None) -> Moment | None:
    """The surest of what the file says itself, its name, its folders (the nearest first) and its time."""
    place = PurePath(path.replace("\\", "/"))
    folders = (find_moment_in_folder(folder) for folder in reversed(place.parent.parts))
    return (
        info.moment
        or find_moment_in_name(place.name)
        or next(filter(None, folders), None)
        or (Moment(file_time, "second", "file") if file_time else None)
    )


def get_moment_columns(moment: Moment | None) -> dict[str, Any]:
    """What a photo keeps of it; a moment without a time zone is by the site's."""
    if moment is None:
        return {"taken_at": None, "taken_source": "", "taken_precision": ""}
    at = moment.at if moment.at.tzinfo else timezone.make_aware(moment.at, timezone.get_default_timezone())
    return {"taken_at": at, "taken_source": moment.source, "taken_precision": moment.precision}


def get_decided_columns(at: datetime | None) -> dict[str, Any]:
    """The same of a moment that somebody has said."""
    source = TakenSource.PERSON if at else ""
    return {"taken_at": at, "taken_source": source, "taken_precision": "second" if at else ""}


def format_moment(photo: Photo) -> str:
    """When the photo was taken, as exactly as it is known."""
    if photo.taken_at is None:
        return ""
    at = timezone.localtime(photo.taken_at)
    if photo.taken_precision == "year":
        return str(at.year)
    if photo.taken_precision == "month":
        return date_format(at, "YEAR_MONTH_FORMAT")
    return date_format(at, "DATE_FORMAT" if photo.taken_precision == "day" else "DATETIME_FORMAT")
