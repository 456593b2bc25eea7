"""The side bar holds what is done daily; what is managed is on a page of its own."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from gallery.models import Role
from tests.making import a_user

pytestmark = pytest.mark.django_db
MANAGED = {
    Role.CONTRIBUTOR: {"/history/", "/trash/", "/file-names/"},
    Role.CURATOR: {"/health/", "/consents/", "/names/", "/admin/", "/builds/", "/jobs/"},
    Role.ADMINISTRATOR: {"/backups/", "/settings/", "/audit/", "/erasures/"},
}


def test_each_role_finds_on_one_page_what_it_manages(client: Client) -> None:
    expected: set[str] = set()
    for role, more in MANAGED.items():
        client.force_login(a_user(f"a {role}", role))
        expected |= more
        page = client.get("/manage/").content.decode()
        cards = re.findall(r'class="todo-card" href="([^"]+)"', page)
        assert (set(cards), len(cards)) == (expected, len(expected))
        links = re.findall(r'class="navlink" href="([^"]+)"', page)
        assert not expected & set(links), "the side bar holds what is managed, too"


def test_whoever_manages_nothing_is_led_nowhere_and_others_find_back(client: Client) -> None:
    client.force_login(a_user("Vy", Role.VIEWER))
    assert "/manage/" not in client.get("/").content.decode()
    client.force_login(a_user("Mai", Role.CURATOR))
    assert '<a class="crumb" href="/manage/">' in client.get("/jobs/").content.decode()
