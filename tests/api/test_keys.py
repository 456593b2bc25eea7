"""Who may call what: keys, scopes and roles; and how a call that goes wrong is answered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery.api.base import RULES
from gallery.history.erased import save_digests
from gallery.models import ApiKey, Erasure, Role, User
from tests.access_table import API_OPEN, API_TABLE, Rule
from tests.access_world import HIDEABLE, World, make_world
from tests.addresses import API
from tests.api.calling import ROOT, Caller, problem
from tests.making import a_face, a_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "own_data")]


@pytest.fixture
def world(own_data: Path) -> World:
    return make_world()


def called(who: Caller, rule: Rule, world: World, name: str, *, hidden: bool = False) -> Any:
    """The answer, with whatever it changed taken back."""
    args = [world.value(word, hidden=hidden) for word in rule.words]
    with transaction.atomic():
        answer = who.client.generic(rule.method.upper(), reverse(name, args=args))
        transaction.set_rollback(True)
    return answer


def test_every_call_has_a_line_in_the_table() -> None:
    assert sorted(API) == sorted([*API_TABLE, *API_OPEN])
    assert len(RULES) == len(API_TABLE)


@pytest.mark.parametrize("name", API_TABLE)
def test_a_call_needs_the_scope_and_the_role_of_its_line(world: World, name: str) -> None:
    scope, rule = API_TABLE[name]
    assert rule.role
    for role, user in world.users.items():
        answer = called(Caller(user), rule, world, name)
        may = Role(role).rank >= rule.role.rank
        assert answer.status_code not in {401, 405}
        assert (answer.status_code == 403) != may, f"{name} as {role}: {answer.status_code}"
        if may:
            assert answer.status_code not in {404, 500}, f"{name} as {role}: {answer.status_code}"
    others = {"read", "upload", "decide", "curate"} - {scope}
    lacking = called(Caller(world.users["administrator"], *others), rule, world, name)
    assert lacking.status_code == 403
    stranger = Caller(world.users["administrator"])
    stranger.client = Client()
    nobody = called(stranger, rule, world, name)
    assert nobody.status_code == 401
    if name.startswith("api:"):
        assert problem(lacking) == (403, "scope_missing")
        assert problem(nobody) == (401, "key_needed")
        assert nobody["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", [name for name, (_, rule) in API_TABLE.items() if HIDEABLE & {*rule.words}])
def test_what_is_in_an_album_for_others_is_not_there(world: World, name: str) -> None:
    _scope, rule = API_TABLE[name]
    who = Caller(world.users["curator"])
    answer = called(who, rule, world, name, hidden=True)
    if name == "api:decide_on_face":  # whose body is looked at first
        answer = who.post(f"/faces/{world.value('face', hidden=True)}/decision", {"decision": "ignore"})
    assert answer.status_code == 404


def test_a_key_that_has_ended_opens_nothing(user: User) -> None:
    who = Caller(user)
    assert who.get("/photos").status_code == 200
    for change in ({"revoked_at": timezone.now()}, {"expires_at": timezone.now() - timedelta(seconds=1)}):
        ApiKey.objects.update(**change)
        assert problem(who.get("/photos")) == (401, "key_needed")
        ApiKey.objects.update(revoked_at=None, expires_at=None)
    User.objects.update(is_active=False)
    assert problem(who.get("/photos")) == (401, "key_needed")


def test_a_session_opens_no_call_and_a_key_no_page(client: Client, user: User) -> None:
    client.force_login(user)
    assert problem(client.get(f"{ROOT}/photos")) == (401, "key_needed")
    assert Caller(user).client.get("/photos/").status_code == 302


def test_a_key_does_no_more_than_its_user_may_at_this_moment(user: User) -> None:
    who, face = Caller(user), a_face()
    User.objects.update(role=Role.VIEWER)
    assert problem(who.post(f"/faces/{face.pk}/decision", {"decision": "ignore"})) == (403, "role_too_low")
    assert who.get("/photos").status_code == 200


def test_a_key_makes_so_many_calls_a_minute_and_others_go_on(user: User, settings: Any) -> None:
    cache.clear()
    settings.API_CALLS_PER_MINUTE = 2
    who, other = Caller(user), Caller(user)
    assert [who.get("/albums").status_code for _ in range(3)] == [200, 200, 429]
    refused = who.get("/albums")
    assert problem(refused) == (429, "too_many_calls")
    assert 0 < int(refused["Retry-After"]) <= 60
    assert other.get("/albums").status_code == 200


# What goes wrong


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/photos", "/api/v1/photos/x", "/api/v1/"])
def test_an_address_that_is_not_there_is_a_problem_too(path: str) -> None:
    said = Client().get(path, headers={"Accept-Language": "vi"})
    assert problem(said) == (404, "not_found")
    assert said["Content-Language"] == "vi"


def test_a_method_that_a_call_does_not_take_is_told_with_those_it_takes(user: User) -> None:
    answer = Caller(user).call("PUT", "/photos")
    assert problem(answer) == (405, "method_not_allowed")
    assert set(answer["Allow"].split(", ")) == {"GET", "POST"}


def test_a_body_that_is_no_json_or_says_something_else_is_refused(user: User) -> None:
    who = Caller(user)
    broken = who.client.post(f"{ROOT}/people", "{", content_type="application/json")
    assert problem(broken) == (400, "bad_request")
    wrong = who.post("/people", {"name": 5, "note": "\0"})
    assert problem(wrong) == (422, "invalid")
    assert {error["field"] for error in wrong.json()["errors"]} == {"name", "note"}


def test_a_name_that_is_taken_or_was_erased_is_a_conflict(user: User) -> None:
    a_person("Lan")
    assert problem(Caller(user).post("/people", {"name": "lan"})) == (409, "name_taken")
    save_digests(Erasure.objects.create(kind=Erasure.Kind.PERSON), [("name", "ben")])
    assert problem(Caller(user).post("/people", {"name": "Ben"})) == (409, "name_was_erased")


def test_a_database_that_is_away_is_told_with_when_to_come_again(user: User, monkeypatch: Any) -> None:
    who = Caller(user)
    who.client.raise_request_exception = False

    def be_away(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("gallery.api.site.get_album_page", be_away)
    answer = who.get("/albums")
    assert problem(answer) == (503, "unavailable")
    assert answer["Retry-After"]
    monkeypatch.setattr("gallery.api.site.get_album_page", lambda *_: 1 / 0)
    assert problem(who.get("/albums")) == (500, "failed")


def test_pages_elsewhere_call_it_only_if_their_origin_is_set(user: User, settings: Any) -> None:
    who = Caller(user)
    origin = {"Origin": "https://frame.example.org"}
    assert "Access-Control-Allow-Origin" not in who.get("/albums", **origin)
    settings.CORS_ALLOWED_ORIGINS = [origin["Origin"]]
    assert who.get("/albums", **origin)["Access-Control-Allow-Origin"] == origin["Origin"]
    asked = {**origin, "Access-Control-Request-Method": "POST"}
    for path, header in ((f"{ROOT}/photos", "authorization"), ("/compreface/api/v1", "x-api-key")):
        assert header in Client().options(path, headers=asked)["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in who.client.get("/healthz", headers=origin)
