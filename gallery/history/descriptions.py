"""What an event says on the history page: a phrase that follows the name of who did it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.models import Event, Role

PeopleSummary = Mapping[str, Any]


def _describe_named_faces(summary: PeopleSummary) -> str:
    count = int(summary.get("count", 1))
    return ngettext("named %(count)s face “%(person)s”", "named %(count)s faces “%(person)s”", count) % {
        "count": count,
        "person": summary.get("person", ""),
    }


def _describe_ignored_faces(summary: PeopleSummary) -> str:
    count = int(summary.get("count", 1))
    return ngettext("ignored %(count)s face", "ignored %(count)s faces", count) % {"count": count}


def _describe_merge(summary: PeopleSummary) -> str:
    return _("merged “%(source)s” into “%(person)s”") % {
        "source": summary.get("source", ""),
        "person": summary.get("person", ""),
    }


def _describe_split(summary: PeopleSummary) -> str:
    count = int(summary.get("count", 1))
    return ngettext(
        "split %(count)s face of “%(source)s” off as “%(person)s”",
        "split %(count)s faces of “%(source)s” off as “%(person)s”",
        count,
    ) % {"count": count, "source": summary.get("source", ""), "person": summary.get("person", "")}


def _describe_rename(summary: PeopleSummary) -> str:
    return _("renamed “%(old)s” to “%(person)s”") % {
        "old": summary.get("old", ""),
        "person": summary.get("person", ""),
    }


def _phrase_people(text: Callable[[int], str]) -> Callable[[PeopleSummary], str]:
    def phrase(summary: PeopleSummary) -> str:
        count = int(summary.get("count", 1))
        return text(count) % {"count": count, "person": summary.get("person", "")}

    return phrase


def _phrase_person(text: Callable[[], str]) -> Callable[[PeopleSummary], str]:
    return lambda summary: text() % {"person": summary.get("person", "")}


_describe_import = _phrase_people(
    lambda n: ngettext(
        "took %(count)s person in from a CSV file", "took %(count)s people in from a CSV file", n
    )
)

PEOPLE_PHRASES: dict[str, Callable[[PeopleSummary], str]] = {
    "face.confirm": _phrase_person(lambda: _("named a face “%(person)s”")),
    "face.reject": _phrase_person(lambda: _("said that a face is not “%(person)s”")),
    "face.unknown": lambda _s: _("left a face without a name"),
    "face.not_a_face": lambda _s: _("said that something is not a face"),
    "face.ignore": _describe_ignored_faces,
    "face.clear": lambda _s: _("took back the decision on a face"),
    "face.draw": lambda _s: _("drew a face"),
    "face.name_group": _describe_named_faces,
    "face.use_as_reference": _phrase_person(lambda: _("made a face a reference of “%(person)s”")),
    "person.create": _phrase_person(lambda: _("added the person “%(person)s”")),
    "person.rename": _describe_rename,
    "person.hide": _phrase_person(lambda: _("hid “%(person)s”")),
    "person.show": _phrase_person(lambda: _("showed “%(person)s” again")),
    "person.cover": _phrase_person(lambda: _("chose the cover of “%(person)s”")),
    "person.note": _phrase_person(lambda: _("changed the note on “%(person)s”")),
    "person.recognise": _phrase_person(lambda: _("let “%(person)s” be recognised in photos again")),
    "person.stop_recognising": _phrase_person(lambda: _("stopped recognising “%(person)s” in photos")),
    "person.consent": _phrase_person(lambda: _("changed the consent of “%(person)s”")),
    "person.consent_expired": _phrase_person(
        lambda: _("stopped recognising “%(person)s”: the consent has run out")
    ),
    "person.export": _phrase_person(lambda: _("asked for all that is known about “%(person)s”")),
    "people.hide": _phrase_people(lambda n: ngettext("hid %(count)s person", "hid %(count)s people", n)),
    "people.show": _phrase_people(
        lambda n: ngettext("showed %(count)s person again", "showed %(count)s people again", n)
    ),
    "bulk.hide": _phrase_people(lambda n: ngettext("hid %(count)s person", "hid %(count)s people", n)),
    "bulk.show": _phrase_people(
        lambda n: ngettext("showed %(count)s person again", "showed %(count)s people again", n)
    ),
    "people.import": _describe_import,
    "bulk.import": _describe_import,
    "bulk.merge": _phrase_people(
        lambda n: ngettext(
            "merged %(count)s person into “%(person)s”", "merged %(count)s people into “%(person)s”", n
        )
    ),
    "person.erase": lambda _summary: _("erased a person for good"),
    "person.merge": _describe_merge,
    "person.split": _describe_split,
}

ObjectSummary = Mapping[str, Any]


def _phrase_name(text: Callable[[], str]) -> Callable[[ObjectSummary], str]:
    return lambda summary: text() % {"name": summary.get("name", "")}


def _phrase_count(text: Callable[[int], str]) -> Callable[[ObjectSummary], str]:
    def phrase(summary: ObjectSummary) -> str:
        count = int(summary.get("count", 1))
        return text(count) % {"count": count, "person": summary.get("person", "")}

    return phrase


def _describe_album_move(summary: ObjectSummary) -> str:
    names = {"name": summary.get("name", ""), "album": summary.get("album", "")}
    if not names["album"]:
        return _("took “%(name)s” out of its album") % names
    return _("put “%(name)s” into the album “%(album)s”") % names


def _describe_album_moves(summary: ObjectSummary) -> str:
    count, values = int(summary.get("count", 1)), {"album": summary.get("album", "")}
    if not values["album"]:
        text = ngettext(
            "took %(count)s photo out of its album", "took %(count)s photos out of their albums", count
        )
    else:
        text = ngettext(
            "put %(count)s photo into the album “%(album)s”",
            "put %(count)s photos into the album “%(album)s”",
            count,
        )
    return text % {"count": count, **values}


def _describe_album_change(summary: ObjectSummary) -> str:
    names = {"name": summary.get("name", ""), "old": summary.get("old", "")}
    if names["old"]:
        return _("renamed the album “%(old)s” to “%(name)s”") % names
    return _("changed the album “%(name)s”") % names


def _get_role_label(summary: ObjectSummary) -> str:
    role = str(summary.get("role", ""))
    return str(Role(role).label) if role in Role.values else role


def _describe_user_change(summary: ObjectSummary) -> str:
    if "is_active" in summary:
        return _("let an account in again") if summary["is_active"] else _("shut an account out")
    return _("gave an account the role “%(role)s”") % {"role": _get_role_label(summary)}


def _describe_dismissal(summary: ObjectSummary) -> str:
    count = int(summary.get("count", 1))
    return ngettext(
        "said that %(count)s finding is all right", "said that %(count)s findings are all right", count
    ) % {"count": count}


def _phrase_bounds(text: Callable[[], str]) -> Callable[[ObjectSummary], str]:
    return lambda summary: text() % {"known": f"{float(summary.get('known') or 0):.3f}"}


_describe_approval = _phrase_count(
    lambda count: ngettext("approved %(count)s reference", "approved %(count)s references", count)
)
_describe_rejection = _phrase_count(
    lambda count: ngettext("rejected %(count)s reference", "rejected %(count)s references", count)
)
_describe_set_back = _phrase_count(
    lambda count: ngettext("set %(count)s reference back", "set %(count)s references back", count)
)
_describe_reference_move = _phrase_count(
    lambda count: ngettext(
        "gave %(count)s reference to “%(person)s”", "gave %(count)s references to “%(person)s”", count
    )
)

_describe_reprocessing = _phrase_count(
    lambda count: ngettext(
        "had %(count)s photo looked at again", "had %(count)s photos looked at again", count
    )
)
_describe_embedding = _phrase_count(
    lambda count: ngettext(
        "had %(count)s reference embedded again", "had %(count)s references embedded again", count
    )
)
_describe_trashing = _phrase_count(
    lambda n: ngettext("put %(count)s photo into the trash", "put %(count)s photos into the trash", n)
)
_describe_restoring = _phrase_count(
    lambda n: ngettext("took %(count)s photo out of the trash", "took %(count)s photos out of the trash", n)
)
_describe_recognition_on = _phrase_count(
    lambda n: ngettext(
        "let faces be recognised in %(count)s photo again",
        "let faces be recognised in %(count)s photos again",
        n,
    )
)
_describe_recognition_off = _phrase_count(
    lambda n: ngettext(
        "stopped recognising faces in %(count)s photo", "stopped recognising faces in %(count)s photos", n
    )
)

OBJECT_PHRASES: dict[str, Callable[[ObjectSummary], str]] = {
    "photo.add": _phrase_name(lambda: _("added “%(name)s”")),
    "photo.trash": _phrase_name(lambda: _("put “%(name)s” into the trash")),
    "photo.restore": _phrase_name(lambda: _("took “%(name)s” out of the trash")),
    "photo.retry": _phrase_name(lambda: _("had “%(name)s” looked at again")),
    "photo.recognise": _phrase_name(lambda: _("let faces be recognised in “%(name)s” again")),
    "photo.stop_recognising": _phrase_name(lambda: _("stopped recognising faces in “%(name)s”")),
    "photo.taken": _phrase_name(lambda: _("said when “%(name)s” was taken")),
    "bulk.trash": _describe_trashing,
    "bulk.restore": _describe_restoring,
    "bulk.recognise": _describe_recognition_on,
    "bulk.stop_recognising": _describe_recognition_off,
    "bulk.album": _describe_album_moves,
    "bulk.no_album": _describe_album_moves,
    "photos.retry": _describe_reprocessing,
    "bulk.process": _describe_reprocessing,
    "reference.embed": _describe_embedding,
    "bulk.embed": _describe_embedding,
    "photo.erase": lambda _summary: _("erased a photo for good"),
    "photo.album": _describe_album_move,
    "photos.trash": _describe_trashing,
    "photos.restore": _describe_restoring,
    "photos.recognise": _describe_recognition_on,
    "photos.stop_recognising": _describe_recognition_off,
    "photos.album": _describe_album_moves,
    "album.create": _phrase_name(lambda: _("made the album “%(name)s”")),
    "album.change": _describe_album_change,
    "album.recognise": _phrase_name(lambda: _("let faces be recognised in the album “%(name)s” again")),
    "album.stop_recognising": _phrase_name(lambda: _("stopped recognising faces in the album “%(name)s”")),
    "album.cover": _phrase_name(lambda: _("chose the cover of the album “%(name)s”")),
    "album.remove": _phrase_name(lambda: _("took the album “%(name)s” away")),
    "album.share": _phrase_name(lambda: _("shared the album “%(name)s” by a link")),
    "album.unshare": _phrase_name(lambda: _("took back a link to the album “%(name)s”")),
    "backup.request": lambda _s: _("asked for a backup"),
    "files.check": lambda _s: _("had the files looked at"),
    "files.mend": lambda _s: _("had the files looked at and put right"),
    "queue.pause": lambda _s: _("paused the processing of photos"),
    "queue.resume": lambda _s: _("let photos be processed again"),
    "queue.retry": _phrase_count(
        lambda count: ngettext("tried %(count)s failed job again", "tried %(count)s failed jobs again", count)
    ),
    "queue.cancel": _phrase_count(
        lambda count: ngettext("set %(count)s waiting job aside", "set %(count)s waiting jobs aside", count)
    ),
    "queue.again": _phrase_count(
        lambda count: ngettext("queued %(count)s job again", "queued %(count)s jobs again", count)
    ),
    "reference.add": lambda summary: (
        _("added a reference of “%(person)s”") % {"person": summary.get("person", "")}
    ),
    "references.add": _phrase_count(
        lambda count: ngettext(
            "added %(count)s reference of “%(person)s”", "added %(count)s references of “%(person)s”", count
        )
    ),
    "reference.approved": _describe_approval,
    "reference.rejected": _describe_rejection,
    "reference.pending": _describe_set_back,
    "reference.move": _describe_reference_move,
    "bulk.approve": _describe_approval,
    "bulk.reject": _describe_rejection,
    "bulk.pending": _describe_set_back,
    "bulk.move": _describe_reference_move,
    "calibration.apply": _phrase_bounds(lambda: _("put measured bounds into force: a name from %(known)s")),
    "calibration.withdraw": _phrase_bounds(
        lambda: _("took measured bounds out of force: a name from %(known)s")
    ),
    "finding.dismiss": _describe_dismissal,
    "setting.references_on": lambda _summary: _("let confirmed faces become references"),
    "setting.references_off": lambda _summary: _("kept confirmed faces from becoming references"),
    "build.request": lambda _summary: _("asked for a new index"),
    "build.cancel": lambda _summary: _("cancelled the building of an index"),
    "build.verify": lambda _summary: _("had the index verified"),
    "build.roll_back": lambda _summary: _("went back to the index before"),
    "user.invite": lambda summary: _("invited somebody as “%(role)s”") % {"role": _get_role_label(summary)},
    "user.create": lambda summary: (
        _("made an account with the role “%(role)s”") % {"role": _get_role_label(summary)}
    ),
    "user.join": lambda _summary: _("joined"),
    "user.change": _describe_user_change,
    "user.erase": lambda _summary: _("erased an account"),
}

EventSummary = Mapping[str, Any]

EVENT_PHRASES: dict[str, Callable[[EventSummary], str]] = {**PEOPLE_PHRASES, **OBJECT_PHRASES}


def describe_event(event: Event) -> str:
    """The phrase, in the reader's language."""
    summary = event.summary
    if event.verb not in ("undo", "redo"):
        return _describe_verb(event.verb, summary)
    what = _describe_verb(str(summary.get("verb", "")), summary)
    left = int(summary.get("left") or 0)
    said = (_("undid: %(what)s") if event.verb == "undo" else _("did again: %(what)s")) % {"what": what}
    return f"{said} ({_describe_left_rows(left)})" if left else said


def _describe_left_rows(count: int) -> str:
    return ngettext(
        "%(count)s thing changed since was left as it is",
        "%(count)s things changed since were left as they are",
        count,
    ) % {"count": count}


def _describe_verb(verb: str, summary: EventSummary) -> str:
    if not summary:
        return _("did something that has since been erased")
    if verb in EVENT_PHRASES:
        return EVENT_PHRASES[verb](summary)
    name = summary.get("name") or summary.get("person") or summary.get("photo") or ""
    return f"{verb.replace('.', ': ').replace('_', ' ')} {name}".strip()
