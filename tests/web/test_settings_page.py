"""The page on which administrators switch parts of the site off."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gallery.core.exceptions import CannotUndo
from gallery.history.switches import FACE_LOOKUPS, are_face_lookups_on
from gallery.history.undo import undo_events
from gallery.models import Event, Role
from tests.api.calling import Caller, problem
from tests.making import a_user

pytestmark = pytest.mark.django_db


def test_an_administrator_switches_looking_at_pictures_off_and_only_one_undoes_it(client: Client) -> None:
    owner, page = a_user("Owner", Role.ADMINISTRATOR), reverse("site_settings")
    client.force_login(owner)
    assert "checked" in client.get(page).content.decode()
    said = client.post(page, {}, follow=True).content.decode()
    assert "switched looking at pictures and searching with a face off" in said
    assert "checked" not in said
    assert problem(Caller(owner).send("/identify")) == (403, "switched_off")
    event = Event.objects.get(verb="setting.lookups_off")
    with pytest.raises(CannotUndo):
        undo_events(a_user("Cu", Role.CURATOR), event)
    [undone] = undo_events(owner, event)
    assert FACE_LOOKUPS.is_on()
    undo_events(owner, undone)
    assert not FACE_LOOKUPS.is_on()


def test_what_the_installation_switches_off_stays_off(client: Client, settings: Any) -> None:
    settings.IDENTIFY = False
    client.force_login(a_user("Owner", Role.ADMINISTRATOR))
    assert "FACESITE_IDENTIFY" in client.get(reverse("site_settings")).content.decode()
    assert not are_face_lookups_on()
