"""What events on photos, albums, references, the index and accounts say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.models import Role

Summary = Mapping[str, Any]


def _name(text: Callable[[], str]) -> Callable[[Summary], str]:
    return lambda summary: text() % {"name": summary.get("name", "")}


def _count(text: Callable[[int], str]) -> Callable[[Summary], str]:
    def phrase(summary: Summary) -> str:
        count = int(summary.get("count", 1))
        return text(count) % {"count": count, "person": summary.get("person", "")}

    return phrase


def _put(summary: Summary) -> str:
    names = {"name": summary.get("name", ""), "album": summary.get("album", "")}
    if not names["album"]:
        return _("took “%(name)s” out of its album") % names
    return _("put “%(name)s” into the album “%(album)s”") % names


def _put_many(summary: Summary) -> str:
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


def _changed_album(summary: Summary) -> str:
    names = {"name": summary.get("name", ""), "old": summary.get("old", "")}
    if names["old"]:
        return _("renamed the album “%(old)s” to “%(name)s”") % names
    return _("changed the album “%(name)s”") % names


def _role(summary: Summary) -> str:
    role = str(summary.get("role", ""))
    return str(Role(role).label) if role in Role.values else role


def _changed_user(summary: Summary) -> str:
    if "is_active" in summary:
        return _("let an account in again") if summary["is_active"] else _("shut an account out")
    return _("gave an account the role “%(role)s”") % {"role": _role(summary)}


def _dismissed(summary: Summary) -> str:
    count = int(summary.get("count", 1))
    return ngettext(
        "said that %(count)s finding is all right", "said that %(count)s findings are all right", count
    ) % {"count": count}


def _bounds(text: Callable[[], str]) -> Callable[[Summary], str]:
    return lambda summary: text() % {"known": f"{float(summary.get('known') or 0):.3f}"}


_approved = _count(
    lambda count: ngettext("approved %(count)s reference", "approved %(count)s references", count)
)
_rejected = _count(
    lambda count: ngettext("rejected %(count)s reference", "rejected %(count)s references", count)
)
_set_back = _count(
    lambda count: ngettext("set %(count)s reference back", "set %(count)s references back", count)
)
_moved = _count(
    lambda count: ngettext(
        "gave %(count)s reference to “%(person)s”", "gave %(count)s references to “%(person)s”", count
    )
)

_processed = _count(
    lambda count: ngettext(
        "had %(count)s photo looked at again", "had %(count)s photos looked at again", count
    )
)
_embedded = _count(
    lambda count: ngettext(
        "had %(count)s reference embedded again", "had %(count)s references embedded again", count
    )
)
_thrown = _count(
    lambda n: ngettext("put %(count)s photo into the trash", "put %(count)s photos into the trash", n)
)
_taken_out = _count(
    lambda n: ngettext("took %(count)s photo out of the trash", "took %(count)s photos out of the trash", n)
)
_recognised = _count(
    lambda n: ngettext(
        "let faces be recognised in %(count)s photo again",
        "let faces be recognised in %(count)s photos again",
        n,
    )
)
_not_recognised = _count(
    lambda n: ngettext(
        "stopped recognising faces in %(count)s photo", "stopped recognising faces in %(count)s photos", n
    )
)

SENTENCES: dict[str, Callable[[Summary], str]] = {
    "photo.add": _name(lambda: _("added “%(name)s”")),
    "photo.trash": _name(lambda: _("put “%(name)s” into the trash")),
    "photo.restore": _name(lambda: _("took “%(name)s” out of the trash")),
    "photo.retry": _name(lambda: _("had “%(name)s” looked at again")),
    "photo.recognise": _name(lambda: _("let faces be recognised in “%(name)s” again")),
    "photo.stop_recognising": _name(lambda: _("stopped recognising faces in “%(name)s”")),
    "photo.taken": _name(lambda: _("said when “%(name)s” was taken")),
    "bulk.trash": _thrown,
    "bulk.restore": _taken_out,
    "bulk.recognise": _recognised,
    "bulk.stop_recognising": _not_recognised,
    "bulk.album": _put_many,
    "bulk.no_album": _put_many,
    "photos.retry": _processed,
    "bulk.process": _processed,
    "reference.embed": _embedded,
    "bulk.embed": _embedded,
    "photo.erase": lambda _summary: _("erased a photo for good"),
    "photo.album": _put,
    "photos.trash": _thrown,
    "photos.restore": _taken_out,
    "photos.recognise": _recognised,
    "photos.stop_recognising": _not_recognised,
    "photos.album": _put_many,
    "album.create": _name(lambda: _("made the album “%(name)s”")),
    "album.change": _changed_album,
    "album.recognise": _name(lambda: _("let faces be recognised in the album “%(name)s” again")),
    "album.stop_recognising": _name(lambda: _("stopped recognising faces in the album “%(name)s”")),
    "album.cover": _name(lambda: _("chose the cover of the album “%(name)s”")),
    "album.remove": _name(lambda: _("took the album “%(name)s” away")),
    "album.share": _name(lambda: _("shared the album “%(name)s” by a link")),
    "album.unshare": _name(lambda: _("took back a link to the album “%(name)s”")),
    "backup.request": lambda _s: _("asked for a backup"),
    "files.check": lambda _s: _("had the files looked at"),
    "files.mend": lambda _s: _("had the files looked at and put right"),
    "queue.pause": lambda _s: _("paused the processing of photos"),
    "queue.resume": lambda _s: _("let photos be processed again"),
    "queue.retry": _count(
        lambda count: ngettext("tried %(count)s failed job again", "tried %(count)s failed jobs again", count)
    ),
    "queue.cancel": _count(
        lambda count: ngettext("set %(count)s waiting job aside", "set %(count)s waiting jobs aside", count)
    ),
    "queue.again": _count(
        lambda count: ngettext("queued %(count)s job again", "queued %(count)s jobs again", count)
    ),
    "reference.add": lambda summary: (
        _("added a reference of “%(person)s”") % {"person": summary.get("person", "")}
    ),
    "references.add": _count(
        lambda count: ngettext(
            "added %(count)s reference of “%(person)s”", "added %(count)s references of “%(person)s”", count
        )
    ),
    "reference.approved": _approved,
    "reference.rejected": _rejected,
    "reference.pending": _set_back,
    "reference.move": _moved,
    "bulk.approve": _approved,
    "bulk.reject": _rejected,
    "bulk.pending": _set_back,
    "bulk.move": _moved,
    "calibration.apply": _bounds(lambda: _("put measured bounds into force: a name from %(known)s")),
    "calibration.withdraw": _bounds(lambda: _("took measured bounds out of force: a name from %(known)s")),
    "finding.dismiss": _dismissed,
    "setting.references_on": lambda _summary: _("let confirmed faces become references"),
    "setting.references_off": lambda _summary: _("kept confirmed faces from becoming references"),
    "build.request": lambda _summary: _("asked for a new index"),
    "build.cancel": lambda _summary: _("cancelled the building of an index"),
    "build.verify": lambda _summary: _("had the index verified"),
    "build.roll_back": lambda _summary: _("went back to the index before"),
    "user.invite": lambda summary: _("invited somebody as “%(role)s”") % {"role": _role(summary)},
    "user.create": lambda summary: _("made an account with the role “%(role)s”") % {"role": _role(summary)},
    "user.join": lambda _summary: _("joined"),
    "user.change": _changed_user,
    "user.erase": lambda _summary: _("erased an account"),
}
