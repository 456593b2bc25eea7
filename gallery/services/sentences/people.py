"""What events on faces and people say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Summary = Mapping[str, Any]


def _named(summary: Summary) -> str:
    count = int(summary.get("count", 1))
    return ngettext("named %(count)s face “%(person)s”", "named %(count)s faces “%(person)s”", count) % {
        "count": count,
        "person": summary.get("person", ""),
    }


def _ignored(summary: Summary) -> str:
    count = int(summary.get("count", 1))
    return ngettext("ignored %(count)s face", "ignored %(count)s faces", count) % {"count": count}


def _merged(summary: Summary) -> str:
    return _("merged “%(source)s” into “%(person)s”") % {
        "source": summary.get("source", ""),
        "person": summary.get("person", ""),
    }


def _split(summary: Summary) -> str:
    count = int(summary.get("count", 1))
    return ngettext(
        "split %(count)s face of “%(source)s” off as “%(person)s”",
        "split %(count)s faces of “%(source)s” off as “%(person)s”",
        count,
    ) % {"count": count, "source": summary.get("source", ""), "person": summary.get("person", "")}


def _renamed(summary: Summary) -> str:
    return _("renamed “%(old)s” to “%(person)s”") % {
        "old": summary.get("old", ""),
        "person": summary.get("person", ""),
    }


def _people(text: Callable[[int], str]) -> Callable[[Summary], str]:
    def phrase(summary: Summary) -> str:
        count = int(summary.get("count", 1))
        return text(count) % {"count": count, "person": summary.get("person", "")}

    return phrase


def _person(text: Callable[[], str]) -> Callable[[Summary], str]:
    return lambda summary: text() % {"person": summary.get("person", "")}


_imported = _people(
    lambda n: ngettext(
        "took %(count)s person in from a CSV file", "took %(count)s people in from a CSV file", n
    )
)

SENTENCES: dict[str, Callable[[Summary], str]] = {
    "face.confirm": _person(lambda: _("named a face “%(person)s”")),
    "face.reject": _person(lambda: _("said that a face is not “%(person)s”")),
    "face.unknown": lambda _s: _("left a face without a name"),
    "face.not_a_face": lambda _s: _("said that something is not a face"),
    "face.ignore": _ignored,
    "face.clear": lambda _s: _("took back the decision on a face"),
    "face.draw": lambda _s: _("drew a face"),
    "face.name_group": _named,
    "face.use_as_reference": _person(lambda: _("made a face a reference of “%(person)s”")),
    "person.create": _person(lambda: _("added the person “%(person)s”")),
    "person.rename": _renamed,
    "person.hide": _person(lambda: _("hid “%(person)s”")),
    "person.show": _person(lambda: _("showed “%(person)s” again")),
    "person.cover": _person(lambda: _("chose the cover of “%(person)s”")),
    "person.note": _person(lambda: _("changed the note on “%(person)s”")),
    "person.recognise": _person(lambda: _("let “%(person)s” be recognised in photos again")),
    "person.stop_recognising": _person(lambda: _("stopped recognising “%(person)s” in photos")),
    "person.consent": _person(lambda: _("changed the consent of “%(person)s”")),
    "person.consent_expired": _person(lambda: _("stopped recognising “%(person)s”: the consent has run out")),
    "person.export": _person(lambda: _("asked for all that is known about “%(person)s”")),
    "people.hide": _people(lambda n: ngettext("hid %(count)s person", "hid %(count)s people", n)),
    "people.show": _people(
        lambda n: ngettext("showed %(count)s person again", "showed %(count)s people again", n)
    ),
    "bulk.hide": _people(lambda n: ngettext("hid %(count)s person", "hid %(count)s people", n)),
    "bulk.show": _people(
        lambda n: ngettext("showed %(count)s person again", "showed %(count)s people again", n)
    ),
    "people.import": _imported,
    "bulk.import": _imported,
    "bulk.merge": _people(
        lambda n: ngettext(
            "merged %(count)s person into “%(person)s”", "merged %(count)s people into “%(person)s”", n
        )
    ),
    "person.erase": lambda _summary: _("erased a person for good"),
    "person.merge": _merged,
    "person.split": _split,
}
