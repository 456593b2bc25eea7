"""Users, roles and invitations in the admin."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery.accounts.services import change_user, invite_user
from gallery.models import Event, Invitation, Role, User
from tests.making import a_user
from tests.pages import as_shown

pytestmark = pytest.mark.django_db
PASSWORD = "a good long password"


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(a_user("Boss", Role.ADMINISTRATOR))
    return client


def change(user: User) -> str:
    return reverse("admin:gallery_user_change", args=(user.pk,))


def filled(client: Client, user: User, **values: str) -> dict[str, Any]:
    seen = as_shown(client.get(change(user)))
    return {"username": user.username, "role": user.role, "is_active": "on", **seen, **values}


def said(page: Any) -> str:
    return html.unescape(page.content.decode())


def test_an_account_is_made_with_its_role_and_it_stands_in_the_history(administrator: Client) -> None:
    given = {
        "username": "lan",
        "email": "lan@example.org",
        "role": "curator",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    administrator.post(reverse("admin:gallery_user_add"), given)
    made = User.objects.get(username="lan")
    assert (made.role, made.email, made.check_password(PASSWORD)) == ("curator", "lan@example.org", True)
    assert Event.objects.filter(verb="user.create", object_id=made.pk).exists()


def test_a_role_is_changed_and_said(administrator: Client) -> None:
    user = a_user("Lan", Role.VIEWER)
    page = administrator.post(change(user), filled(administrator, user, role="contributor"), follow=True)
    assert "You gave an account the role “Contributor”." in said(page)
    user.refresh_from_db()
    assert user.role == Role.CONTRIBUTOR


def test_the_last_administrator_keeps_the_role(administrator: Client) -> None:
    boss = User.objects.get(username="Boss")
    page = administrator.post(change(boss), filled(administrator, boss, role="viewer"), follow=True)
    assert "This is the last administrator" in said(page)
    boss.refresh_from_db()
    assert boss.role == Role.ADMINISTRATOR


def test_two_administrators_at_one_account_do_not_overwrite_each_other(administrator: Client) -> None:
    user, other = a_user("Lan", Role.VIEWER), a_user("Second", Role.ADMINISTRATOR)
    typed = filled(administrator, user, email="lan@example.org")
    change_user(other, user, role=Role.CURATOR)
    page = administrator.post(change(user), typed)
    assert "Second was here before you and gave an account the role “Curator”" in said(page)
    assert "Role: it was “Viewer” and is now “Curator”." in said(page)
    user.refresh_from_db()
    assert (user.role, user.email) == (Role.CURATOR, "")


def test_an_invitation_shows_its_link_once_and_its_state_ever_after(administrator: Client) -> None:
    given = {"email": "new@example.org", "role": "contributor"}
    page = administrator.post(reverse("admin:gallery_invitation_add"), given, follow=True)
    assert "/account/invitation/" in said(page) or "http" in said(page)
    rows = {"new@example.org": "open", "used@example.org": "used", "old@example.org": "expired"}
    used, _token = invite_user(User.objects.get(username="Boss"), "used@example.org", Role.VIEWER)
    Invitation.objects.filter(pk=used.pk).update(used_by=a_user("Guest", Role.VIEWER))
    old, _token = invite_user(User.objects.get(username="Boss"), "old@example.org", Role.VIEWER)
    Invitation.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(days=1))
    for email, state in rows.items():
        page = administrator.get(reverse("admin:gallery_invitation_changelist"), {"state": state})
        assert [row.email for row in page.context["cl"].result_list] == [email]
