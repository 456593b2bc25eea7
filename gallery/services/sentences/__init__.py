"""What an event says on the history page: a phrase that follows the name of who did it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.models import Event
from gallery.services.sentences import people, things

Summary = Mapping[str, Any]

SENTENCES: dict[str, Callable[[Summary], str]] = {**people.SENTENCES, **things.SENTENCES}


def say(event: Event) -> str:
    """The phrase, in the reader's language."""
    summary = event.summary
    if event.verb not in ("undo", "redo"):
        return _phrase(event.verb, summary)
    what = _phrase(str(summary.get("verb", "")), summary)
    left = int(summary.get("left") or 0)
    said = (_("undid: %(what)s") if event.verb == "undo" else _("did again: %(what)s")) % {"what": what}
    return f"{said} ({_left(left)})" if left else said


def _left(count: int) -> str:
    return ngettext(
        "%(count)s thing changed since was left as it is",
        "%(count)s things changed since were left as they are",
        count,
    ) % {"count": count}


def _phrase(verb: str, summary: Summary) -> str:
    if not summary:
        return _("did something that has since been erased")
    if verb in SENTENCES:
        return SENTENCES[verb](summary)
    name = summary.get("name") or summary.get("person") or summary.get("photo") or ""
    return f"{verb.replace('.', ': ').replace('_', ' ')} {name}".strip()
