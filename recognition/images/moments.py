"""When a photo was taken: read from texts as cameras, programs and people write them.

What says no time zone is by the clock of where it was written; what says only a year or a day is its first moment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

Source = Literal["exif", "xmp", "iptc", "name", "folder", "file"]
Precision = Literal["year", "month", "day", "minute", "second"]

_EARLIEST = 1826  # the year of the oldest photograph there is
_EARLIEST_DIGITAL = 1990  # of digits without signs between them, which may be anything
_TEXT = re.compile(
    r"(?P<year>\d{4})(?:[:/.-](?P<month>\d\d?)(?:[:/.-](?P<day>\d\d?)"
    r"(?:[T ]+(?P<hour>\d\d?)[:.](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<zone>Z|[+-]\d\d:?\d\d)?)?)?)?"
)
_NAMES = (  # PXL_20240101_120000000, IMG-20240203-WA0001, Screenshot_2021-05-06-12-30-00, 2019-07-04 12.30.00
    re.compile(
        r"(?<!\d)(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
        r"(?:[_T -]?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?P<fraction>\d{3})?)?(?!\d)"
    ),
    re.compile(
        r"(?<!\d)(?P<year>\d{4})([-_.])(?P<month>\d\d)\2(?P<day>\d\d)(?!\d)"
        r"(?:(?:[ _T-]| at )(?P<hour>\d\d)[-_.:]?(?P<minute>\d\d)[-_.:]?(?P<second>\d\d)(?P<fraction>\d{3})?"
        r"(?!\d))?"
    ),
)
_FOLDER = re.compile(r"(?P<year>\d{4})(?:[-_. ](?P<month>\d\d)(?!\d)(?:[-_. ](?P<day>\d\d)(?!\d))?)?(?!\d)")


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime  # with a time zone where one was said
    precision: Precision
    source: Source


def parse_moment(
    text: object, source: Source, *, fraction: object = None, zone: object = None
) -> Moment | None:
    """A moment as metadata say it, "2021:07:04 12:30:00" or a part of that, in EXIF with fraction and zone apart."""
    found = _TEXT.fullmatch(_get_words(text))
    if found is None:
        return None
    parts = found.groupdict()
    parts["fraction"] = parts["fraction"] or (_get_words(fraction) if parts["second"] else None)
    parts["zone"] = parts["zone"] or _get_words(zone)
    return _build_moment(parts, source, _EARLIEST)


def find_moment_in_name(name: str) -> Moment | None:
    """What cameras, phones and messengers put into the name of a file."""
    for pattern, earliest in zip(_NAMES, (_EARLIEST_DIGITAL, _EARLIEST), strict=True):
        for found in pattern.finditer(name):
            zone = "Z" if name.startswith("PXL_") else None  # the only ones that do not go by the local clock
            if moment := _build_moment({**found.groupdict(), "zone": zone}, "name", earliest):
                return moment
    return None


def find_moment_in_folder(name: str) -> Moment | None:
    """What people begin the name of a folder with: 1967, 2019-07, 2019-07-04 Trip."""
    found = _FOLDER.match(name)
    return _build_moment(found.groupdict(), "folder", _EARLIEST) if found else None


def _get_words(text: object) -> str:
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    return text.strip("\x00 ") if isinstance(text, str) else ""


def _build_moment(parts: dict[str, str | None], source: Source, earliest: int) -> Moment | None:
    year, month, day = (int(parts.get(part) or 0) for part in ("year", "month", "day"))
    precision: Precision = "year" if not month else "month" if not day else "day"
    try:
        at = datetime(year, month or 1, day or 1)
        if precision == "day" and parts.get("hour"):
            precision = "second" if parts["second"] else "minute"
            at += _get_time_of_day(parts)  # 24:00:00 is the next day's first moment
        zone = _get_zone(parts.get("zone") or "")
        at = at.replace(tzinfo=zone) if precision in ("minute", "second") else at
        is_known = earliest <= at.year and at.replace(tzinfo=None) <= datetime.now() + timedelta(days=2)
    except (ValueError, OverflowError):
        return None
    return Moment(at, precision, source) if is_known else None


def _get_time_of_day(parts: dict[str, str | None]) -> timedelta:
    hour, minute, second = (int(parts[part] or 0) for part in ("hour", "minute", "second"))
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and minute + second):
        raise ValueError("no time of day")
    fraction = parts.get("fraction") or ""
    microseconds = int(fraction[:6].ljust(6, "0")) if fraction.isdecimal() else 0
    return timedelta(hours=hour, minutes=minute, seconds=min(second, 59), microseconds=microseconds)


def _get_zone(text: str) -> timezone | None:
    if text == "Z":
        return UTC
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text)
    if found is None:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)
