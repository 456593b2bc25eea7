"""What an event says: on the history page a phrase that follows the name of who did it, to whoever did it a message.

Each room registers the phrases of its verbs (`GalleryConfig.ready`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.models import Event

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# A phrase with places for what the event's summary holds, or a function that makes one of it. In the summary that
# a function is given, what is missing is empty, and `count` is 1.
Description: TypeAlias = "StrOrPromise | Callable[[Mapping[str, Any]], str]"

_descriptions: dict[str, Description] = {}


def register_descriptions(descriptions: Mapping[str, Description]) -> None:
    """Register the phrases of these verbs."""
    _descriptions.update(descriptions)


def describe_event(event: Event) -> str:
    """The phrase, in the reader's language."""
    summary = event.summary
    if event.verb not in ("undo", "redo"):
        return _describe_verb(event.verb, summary)
    what = _describe_verb(str(summary.get("verb", "")), summary)
    said = (_("undid: %(what)s") if event.verb == "undo" else _("did again: %(what)s")) % {"what": what}
    if not (left := int(summary.get("left") or 0)):
        return said
    rest = ngettext(
        "%(count)s thing changed since was left as it is",
        "%(count)s things changed since were left as they are",
        left,
    )
    return f"{said} ({rest % {'count': left}})"


def _describe_verb(verb: str, summary: Mapping[str, Any]) -> str:
    if not summary:
        return _("did something that has since been erased")
    if verb in _descriptions:
        description, values = _descriptions[verb], defaultdict(str, {"count": 1, **summary})
        return description(values) if callable(description) else description % values
    name = summary.get("name") or summary.get("person") or summary.get("photo") or ""
    return f"{verb.replace('.', ': ').replace('_', ' ')} {name}".strip()


def describe_own_event(event: Event) -> str:
    """A sentence to whoever did it."""
    return _("You %(what)s.") % {"what": describe_event(event)}


def add_event_message(request: HttpRequest, event: Event | None, text: str = "") -> None:
    """The text, or what was done, with a button that undoes it while it can be undone."""
    if event is not None:
        tag = f"undo-{event.pk}" if event.undo is not None and event.undone_at is None else ""
        messages.success(request, text or describe_own_event(event), extra_tags=tag)
