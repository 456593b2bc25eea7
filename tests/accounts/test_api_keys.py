"""Keys of the API: shown once, kept as a hash, ended by time, by hand, and with their user."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from gallery.accounts.api_keys import create_api_key, find_api_key, note_key_use, revoke_api_keys
from gallery.accounts.services import change_user
from gallery.models import ApiKey, Event, Role, User
from gallery.privacy.erasure import erase_user
from tests.making import a_user

pytestmark = pytest.mark.django_db


def test_a_key_is_shown_once_and_only_its_hash_is_kept(client: Client, bao: User) -> None:
    page = client.post("/account/keys", {"name": "frame", "scopes": ["read", "upload"], "days": "30"})
    key = ApiKey.objects.get()
    secret = page.context["secret"]
    assert secret.encode() in page.content
    assert find_api_key(secret) == key
    assert secret not in str(ApiKey.objects.values().get())
    assert (key.user, key.name, key.scopes) == (bao, "frame", ["read", "upload"])
    again = client.get("/account/").content.decode()
    assert key.prefix in again
    assert secret not in again


def test_a_key_ends_by_hand_by_time_and_with_its_user(user: User) -> None:
    secrets = [create_api_key(user, user, ["read"], days=days)[1] for days in (None, 1, None)]
    by_hand, by_time, with_user = secrets
    revoke_api_keys(user, ApiKey.objects.filter(pk=ApiKey.objects.earliest("pk").pk))
    ApiKey.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert find_api_key(by_hand) is None
    assert find_api_key(by_time) is None
    assert find_api_key(with_user)
    admin = a_user("Root", Role.ADMINISTRATOR)
    change_user(admin, user, is_active=False)
    change_user(admin, user, is_active=True)
    assert find_api_key(with_user) is None, "a key came back with its user"


def test_erasing_a_user_leaves_no_key_to_anybody(user: User) -> None:
    create_api_key(user, user, ["read"])
    erase_user(a_user("Root", Role.ADMINISTRATOR), user)
    assert not ApiKey.objects.exists()


def test_others_keys_are_seen_and_revoked_by_administrators_alone(client: Client, bao: User) -> None:
    key, _secret = create_api_key(None, a_user("Mai"), ["read"])
    assert key.prefix not in client.get("/account/").content.decode()
    client.post(f"/account/keys/{key.pk}/revoke")
    assert ApiKey.objects.filter(revoked_at=None).exists()
    client.force_login(a_user("Root", Role.ADMINISTRATOR))
    assert key.prefix in client.get("/account/").content.decode()
    client.post(f"/account/keys/{key.pk}/revoke")
    assert not ApiKey.objects.filter(revoked_at=None).exists()
    assert Event.objects.filter(verb__startswith="key.").count() == 2


def test_its_use_is_written_once_a_minute_at_most(user: User, django_assert_num_queries: Any) -> None:
    key, _secret = create_api_key(user, user, ["read"])
    note_key_use(key)
    key.refresh_from_db()
    assert key.used_at
    with django_assert_num_queries(0):
        note_key_use(key)


def run(*arguments: str) -> list[Any]:
    said = StringIO()
    call_command(*arguments, "--json", stdout=said)
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_commands_make_list_and_revoke_keys(user: User) -> None:
    [made] = run("create_api_key", "Curator", "--scopes", "decide,read", "--days", "7")
    assert list(made) == ["key", "prefix", "scopes", "expires"]
    assert made["scopes"] == ["read", "decide"]
    key = find_api_key(made["key"])
    assert key
    assert key.user == user
    assert [line["prefix"] for line in run("api_keys", "--user", "Curator")] == [made["prefix"]]
    run("api_keys", "--revoke", made["prefix"])
    assert find_api_key(made["key"]) is None
    assert run("api_keys") == []


@pytest.mark.parametrize("wrong", [["--scopes", "everything"], ["--days", "0"]])
def test_a_wrong_wish_makes_no_key(user: User, wrong: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("create_api_key", "Curator", *wrong)
    assert not ApiKey.objects.exists()
