"""Acts on many rows, as the admin's pages start them and take them back."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from gallery.models import BulkAct

REFERENCES = reverse("admin:gallery_reference_changelist")


PEOPLE = reverse("admin:gallery_person_changelist")


def chosen(client: Client, action: str, *rows: Any, address: str = REFERENCES, **more: str) -> Any:
    """The page that says what the action would change."""
    ids = [str(row.pk) for row in rows]
    return client.post(address, {"action": action, "_selected_action": ids, **more}, follow=True)


def do(client: Client, word: str, **more: Any) -> Any:
    """Press a button of the newest act."""
    act = BulkAct.objects.exclude(kind="undo").latest("pk")
    return client.post(
        reverse("admin:gallery_bulkact_act", args=(act.pk,)), {"do": word, **more}, follow=True
    )


def undo(client: Client, page: Any) -> None:
    """Press Undo in the message of the page."""
    message = next(m for m in page.context["messages"] if (m.extra_tags or "").startswith("undo-"))
    client.post(reverse("event_undo", args=(message.extra_tags.removeprefix("undo-"),)))
