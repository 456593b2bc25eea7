"""Every address, asked by nobody and by each role; one that is not in tests/access_table.py fails here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse

from gallery.core.lookups import get_lookup
from gallery.models import Role
from tests.access_table import ADMIN_TABLE, TABLE, Rule
from tests.access_world import HIDEABLE, NOBODY, ROLES, World, make_world
from tests.addresses import ADMIN, ALL, SITE, rule_of

pytestmark = pytest.mark.django_db
LOGINS = ("/account/login?next=", "/admin/login/")


def asked(client: Client, rule: Rule, world: World, name: str, *, hidden: bool = False) -> Any:
    """The answer, with whatever it changed taken back."""
    args = [world.value(word, hidden=hidden) for word in rule.words]
    try:
        address = reverse(name, args=args)
    except NoReverseMatch as error:
        raise AssertionError(f"{name}: the words of its line do not fit its address: {error}") from error
    with transaction.atomic():
        response = client.post(address) if rule.method == "post" else client.get(address)
        transaction.set_rollback(True)
    return response


def browser(world: World, who: str) -> Client:
    client = Client(raise_request_exception=True)
    if who != NOBODY:
        client.force_login(world.users[who])
    return client


@pytest.fixture
def world(own_data: Path) -> World:
    return make_world()


HIDING = [name for name, rule in TABLE.items() if rule.role and HIDEABLE & {*rule.words} and name in ALL]


def test_every_address_has_a_line_in_the_table() -> None:
    missing = [name for name in SITE if name not in TABLE]
    assert not missing, f"Not in tests/access_table.py: {missing}. Say there who may ask for them."


def test_every_line_of_the_table_has_an_address() -> None:
    assert not [name for name in TABLE if name not in ALL], "lines for addresses that are no more"
    assert not [name for name in ADMIN_TABLE if f"admin:{name}" not in ALL]


def test_only_what_the_table_calls_open_is_open() -> None:
    is_open = {name for name in SITE if ALL[name].is_open}
    assert is_open == {name for name, rule in TABLE.items() if rule.role is None}


def is_let_in(response: Any) -> bool:
    if response.status_code in {301, 302} and response["Location"].startswith(LOGINS):
        return False
    assert response.status_code < 500 or get_lookup(
        response
    )  # which the gate, that is not here, would ask a worker
    return response.status_code not in {401, 403}


def may(rule: Rule, who: str) -> bool:
    if rule.role is None:
        return True
    return who != NOBODY and Role(who).rank >= rule.role.rank


@pytest.mark.parametrize("name", [name for name in SITE if name in TABLE])
def test_each_role_gets_the_answer_in_the_table(world: World, name: str) -> None:
    rule = TABLE[name]
    for who in ROLES:
        response = asked(browser(world, who), rule, world, name)
        assert is_let_in(response) == may(rule, who), f"{name} as {who}: {response.status_code}"
        assert response.status_code != 405, f"{name} takes no {rule.method}: its line should say .post"
        if may(rule, who) and rule.role is not None:
            assert response.status_code != 404, f"{name} is not there for {who}: check the words of its line"


@pytest.mark.parametrize("name", HIDING)
def test_what_is_in_an_album_for_others_is_not_there(world: World, name: str) -> None:
    rule = TABLE[name]
    for who in (Role.VIEWER, Role.CONTRIBUTOR, Role.CURATOR):
        if may(rule, who.value):
            status = asked(browser(world, who.value), rule, world, name, hidden=True).status_code
            assert status == 404, f"{name} shows {who.value} something of an album for others: {status}"


@pytest.mark.parametrize("name", ADMIN)
def test_the_admin_lets_in_by_rule(world: World, name: str) -> None:
    rule = rule_of(ALL[name])
    for who in ROLES:
        response = asked(browser(world, who), rule, world, name)
        if response.status_code == 405:
            continue  # an action by POST: let in as far as that
        let_in = is_let_in(response)
        if who in {NOBODY, Role.VIEWER.value, Role.CONTRIBUTOR.value}:
            assert let_in == may(rule, who), f"{name} as {who}: {response.status_code}"
        elif not may(rule, who):
            assert not let_in, f"{name} as {who}: {response.status_code}"


def test_what_is_in_an_album_for_others_is_not_in_the_admin(world: World) -> None:
    """The admin says that it found nothing by sending back to its first page; a page of ours by 404."""
    for name in ADMIN:
        rule = rule_of(ALL[name])
        if may(rule, Role.CURATOR.value) and HIDEABLE & {*rule.words}:
            response = asked(browser(world, Role.CURATOR.value), rule, world, name, hidden=True)
            is_gone = response.status_code == 302 and response["Location"] == reverse("admin:index")
            assert is_gone or response.status_code in {403, 404, 405}, (
                f"{name} shows a curator something of an album for others: base it on gallery.admin.base.VisibleAdmin"
            )


def test_the_admin_has_no_login_of_its_own(world: World) -> None:
    address = reverse("admin:login")
    response = browser(world, NOBODY).get(address + "?next=/admin/gallery/")
    assert response["Location"] == "/account/login?next=/admin/gallery/"
    assert browser(world, NOBODY).post(address, {"username": "a", "password": "b"}).status_code == 302
    assert browser(world, "contributor").get(address).status_code == 403
