"""How people of one name are told apart: "Anna (4b)", "Anna (born 1980)", "Anna (2)"."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models.clock import get_site_time

MAX_DISTINCTION_LENGTH = 40
LABEL_PATTERN = re.compile(r"(?P<name>.*\S)\s*\((?P<word>[^()]+)\)")
BORN_PATTERN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
# As labels are written in either language, so that folders of an export are understood on any site.
BORN_WORD_PATTERN = re.compile(rf"(?:born|sinh) (?P<born>{BORN_PATTERN.pattern})", re.IGNORECASE)


class LabelParts(NamedTuple):
    name: str
    distinction: str = ""
    born: str = ""


def format_label(name: str, distinction: str = "", born: str = "", number: int = 0) -> str:
    """The name with what tells this person from others who have it; the number is `Person.namesake_number`."""
    if distinction:
        told = distinction
    elif born and number:
        told = _("born %(date)s") % {"date": born}
    else:
        return f"{name} ({number})" if number else name
    return f"{name} ({told}; {number})" if number > 1 else f"{name} ({told})"


def split_label(label: str) -> LabelParts:
    """What a label says, where it is one: "Anna (4b)" is Anna, 4b."""
    found = LABEL_PATTERN.fullmatch(label.strip())
    if not found:
        return LabelParts(label)
    word = found["word"].strip()
    said = BORN_WORD_PATTERN.fullmatch(word)
    if said and is_born_date(said["born"]):
        return LabelParts(found["name"], born=said["born"])
    is_short = 0 < len(word) <= MAX_DISTINCTION_LENGTH
    return LabelParts(found["name"], word) if is_short else LabelParts(label)


def is_born_date(text: str) -> bool:
    """Whether this is a year, a month or a day that has been, as ISO 8601 writes them."""
    found = BORN_PATTERN.fullmatch(text)
    if not found:
        return False
    year, month, day = (int(part) if part else 1 for part in found.groups())
    try:
        return date(year, month, day) <= timezone.localdate(get_site_time())
    except ValueError:
        return False


class Age(NamedTuple):
    """Of somebody at a moment: whole years; `is_about` where the month or day of birth is not known."""

    years: int
    is_about: bool

    @property
    def is_before_birth(self) -> bool:
        return self.years < 0


def get_age(born: str, day: date) -> Age:
    """How old somebody was on this day. Below 0 is only what was before the birth for certain."""
    year, *rest = (int(part) for part in born.split("-"))
    then = [day.year, day.month, day.day][: 1 + len(rest)]
    had_birthday = then[1:] >= rest
    return Age(day.year - year - (not had_birthday), len(rest) < 2 and then[1:] == rest)
