"""Logging in, guessing, invitations, passwords, and being shut out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone

from gallery.accounts.services import accept_invitation, change_user, invite_user
from gallery.core.exceptions import ActionRefused
from gallery.core.throttling import get_client_address
from gallery.models import Event, Invitation, Role, User
from tests.making import a_user

pytestmark = pytest.mark.django_db
PASSWORD = "Correct-horse-battery"


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def user(name: str, role: Role = Role.VIEWER) -> User:
    return User.objects.create_user(name, f"{name}@example.org", PASSWORD, role=role)


def sign_in(name: str, password: str, address: str = "192.0.2.1") -> Any:
    return Client(REMOTE_ADDR=address).post("/account/login", {"username": name, "password": password})


def test_guessing_one_account_from_one_address_is_stopped_even_with_the_right_password() -> None:
    user("vy")
    tried = [sign_in("vy", f"wrong {n}").status_code for n in range(8)]
    assert tried[:7] == [200] * 7
    last = sign_in("vy", PASSWORD)
    assert last.status_code == 429
    assert last["Retry-After"] == "900"
    assert sign_in("vy", PASSWORD, "192.0.2.2").status_code == 302  # the owner, from elsewhere


def test_guessing_one_account_from_many_addresses_is_stopped() -> None:
    user("vy")
    for n in range(30):
        sign_in("vy", "wrong", f"198.51.100.{n}")
    assert sign_in("vy", PASSWORD, "203.0.113.9").status_code == 429


def test_guessing_many_accounts_from_one_address_is_stopped() -> None:
    user("vy")
    for n in range(40):
        sign_in(f"name{n}", "wrong")
    assert sign_in("vy", PASSWORD).status_code == 429
    assert sign_in("vy", PASSWORD, "203.0.113.9").status_code == 302


def test_the_lock_opens_by_itself(time_machine: Any) -> None:
    user("vy")
    time_machine.move_to("2026-01-01 12:00 +0000")
    for _ in range(8):
        sign_in("vy", "wrong")
    assert sign_in("vy", PASSWORD).status_code == 429
    time_machine.move_to("2026-01-01 12:16 +0000")
    assert sign_in("vy", PASSWORD).status_code == 302


def test_an_account_that_does_not_exist_is_answered_like_one_that_does() -> None:
    user("vy")
    pages = [sign_in(name, "wrong").content.decode() for name in ("vy", "nobody")]
    plain = [re.sub(r'value="[^"]*"|"X-CSRFToken": "\w+"', "", page) for page in pages]
    assert plain[0] == plain[1]


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, "203.0.113.1", "10.0.0.1"),  # nobody in front: the header is the client's own invention
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "6.6.6.6, 203.0.113.1", "203.0.113.1"),  # what the client wrote stands further left
        (2, "6.6.6.6, 203.0.113.1, 10.0.0.9", "203.0.113.1"),
        (2, "", "10.0.0.1"),
        (1, "2001:db8:1:2:a:b:c:d", "2001:db8:1:2::"),  # any of the addresses that one household has
        (1, "::ffff:203.0.113.1", "203.0.113.1"),
    ],
)
def test_an_address_is_believed_only_as_far_as_our_own_proxies_tell_it(
    settings: Any, proxies: int, header: str, address: str
) -> None:
    settings.PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=header)
    assert get_client_address(request) == address


def test_signing_in_out_and_failing_to_are_in_the_trail_without_what_was_typed() -> None:
    vy = user("vy")
    client = Client()
    client.post("/account/login", {"username": "vy", "password": PASSWORD})
    client.post("/account/logout")
    sign_in("vy", "hunter2")
    sign_in("hunter2", "x")
    verbs = [(event.verb, event.object_id) for event in Event.objects.order_by("pk")]
    assert verbs == [
        ("sign_in", vy.pk),
        ("sign_out", vy.pk),
        ("sign_in.failed", vy.pk),
        ("sign_in.failed", None),
    ]
    assert "hunter2" not in str(list(Event.objects.values()))


def test_signing_out_tells_the_browser_to_forget_pictures() -> None:
    client = Client()
    client.force_login(user("vy"))
    assert client.post("/account/logout")["Clear-Site-Data"] == '"cache"'


# Invitations


def test_an_invitation_makes_one_account_with_its_role_and_no_second() -> None:
    invitation, token = invite_user(user("ad", Role.ADMINISTRATOR), "lan@example.org", Role.CURATOR)
    assert token not in str(Invitation.objects.values())
    address = f"/account/invitation/{token}"
    client = Client()
    assert client.get(address).status_code == 200
    chosen = {"username": "lan", "password1": PASSWORD, "password2": PASSWORD, "role": "administrator"}
    assert client.post(address, chosen).status_code == 302
    lan = User.objects.get(username="lan")
    assert (lan.role, lan.email) == (Role.CURATOR, "lan@example.org")
    assert client.get("/account/").status_code == 200
    assert Client().get(address).status_code == 404
    with pytest.raises(ActionRefused):
        accept_invitation(token, "second", PASSWORD)
    invitation.refresh_from_db()
    assert invitation.used_by == lan


def test_an_expired_or_invented_invitation_is_no_page() -> None:
    invitation, token = invite_user(user("ad", Role.ADMINISTRATOR), "lan@example.org", Role.VIEWER)
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(f"/account/invitation/{token}").status_code == 404
    assert Client().get(f"/account/invitation/{'x' * 43}").status_code == 404


def test_the_administrator_is_shown_the_link_once() -> None:
    client = Client()
    client.force_login(user("ad", Role.ADMINISTRATOR))
    form = {"email": "lan@example.org", "role": "viewer"}
    page = client.post("/admin/gallery/invitation/add/", form, follow=True).content.decode()
    link = re.search(r"/account/invitation/[\w-]{43}", page)
    assert link
    assert Client().get(link.group()).status_code == 200
    assert "/account/invitation/" not in client.get("/admin/gallery/invitation/").content.decode()


# Being changed and shut out


def test_the_last_administrator_stays() -> None:
    ad = user("ad", Role.ADMINISTRATOR)
    with pytest.raises(ActionRefused):
        change_user(ad, ad, role=Role.VIEWER)
    with pytest.raises(ActionRefused):
        change_user(ad, ad, is_active=False)
    other = user("bo", Role.ADMINISTRATOR)
    change_user(other, ad, role=Role.VIEWER)
    ad.refresh_from_db()
    assert ad.role == Role.VIEWER


def test_who_is_shut_out_is_out_at_once() -> None:
    ad, vy = user("ad", Role.ADMINISTRATOR), user("vy")
    client = Client()
    client.force_login(vy)
    assert client.get("/account/").status_code == 200
    change_user(ad, vy, is_active=False)
    assert client.get("/account/").status_code == 302
    assert sign_in("vy", PASSWORD).status_code == 200
    assert not Session.objects.exists()


def test_signing_out_everywhere_keeps_only_this_session() -> None:
    vy = user("vy")
    here, there = Client(), Client()
    here.force_login(vy)
    there.force_login(vy)
    here.post("/account/sessions/end")
    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302


def test_nobody_gives_themselves_a_role_on_the_account_page() -> None:
    vy = user("vy")
    client = Client()
    client.force_login(vy)
    client.post("/account/", {"first_name": "Vy", "email": "vy@example.org", "role": "administrator"})
    vy.refresh_from_db()
    assert (vy.first_name, vy.role) == ("Vy", Role.VIEWER)


# Passwords


def test_a_forgotten_password_is_reset_by_mail_and_the_answer_tells_nothing() -> None:
    user("vy")
    known = Client().post("/account/reset", {"email": "vy@example.org"})
    unknown = Client().post("/account/reset", {"email": "nobody@example.org"})
    assert known["Location"] == unknown["Location"]
    assert len(mail.outbox) == 1
    link = re.search(r"/account/reset/\S+", str(mail.outbox[0].body))
    assert link
    client = Client()
    form = client.get(link.group(), follow=True)
    where = form.redirect_chain[-1][0]
    chosen = "Another-good-password"
    assert client.post(where, {"new_password1": chosen, "new_password2": chosen}).status_code == 302
    assert sign_in("vy", chosen).status_code == 302
    used = Client().get(link.group(), follow=True)
    assert "new_password1" not in used.content.decode()


def test_mails_cannot_be_asked_for_without_end() -> None:
    user("vy")
    answers = [Client().post("/account/reset", {"email": "vy@example.org"}).status_code for _ in range(6)]
    assert answers == [302] * 5 + [429]
    assert len(mail.outbox) == 5


@pytest.mark.parametrize(
    ("headers", "back"),
    [
        ({"HX-Current-URL": "http://testserver/review/?person=3"}, "/review/%3Fperson%3D3"),
        ({"HX-Current-URL": "https://elsewhere.example/review/"}, "/"),
        ({"HX-Current-URL": "//elsewhere.example/review/"}, "/"),
        ({}, "/"),
    ],
)
def test_a_part_of_a_page_sends_the_whole_page_to_the_login(headers: dict[str, str], back: str) -> None:
    """The session may end while a page is open; the login page would be shown inside of it."""
    for ask in (Client().get, Client().post):
        answer = ask("/review/", headers={"HX-Request": "true", **headers})
        assert answer.status_code == 200
        assert answer["HX-Redirect"] == f"/account/login?next={back}"
        assert not answer.content


def test_a_form_leads_back_to_the_page_it_stood_on() -> None:
    sent = {"Referer": "http://testserver/people/3/?year=2024"}
    assert (
        Client().post("/people/3/set", headers=sent)["Location"]
        == "/account/login?next=/people/3/%3Fyear%3D2024"
    )
    assert Client().post("/people/3/set")["Location"] == "/account/login?next=/"
    assert Client().get("/people/3/?year=2024")["Location"] == "/account/login?next=/people/3/%3Fyear%3D2024"


@pytest.mark.parametrize("onward", ["/account/login", "/account/login?next=/"])
def test_a_login_that_leads_to_itself_leads_home(onward: str) -> None:
    client = Client()
    client.force_login(a_user())
    assert client.get("/account/login", {"next": onward})["Location"] == "/"


@pytest.mark.parametrize("onward", ["nan", "home", "a:b", "//elsewhere.example/", "javascript:alert(1)"])
def test_what_is_no_address_of_this_site_leads_home(onward: str) -> None:
    assert Client().post("/theme", {"next": onward})["Location"] == "/"


def test_a_password_is_changed_by_the_old_one_to_one_that_is_long_and_uncommon() -> None:
    user = User.objects.create_user("Mai", password=PASSWORD)
    client, other = Client(), Client()
    for each in (client, other):
        assert each.login(request=RequestFactory().get("/"), username="Mai", password=PASSWORD)

    def change(new: str, old: str = PASSWORD) -> bool:
        fields = {"old_password": old, "new_password1": new, "new_password2": new}
        return client.post("/account/password", fields).status_code == 302

    too_short, common, digits = "Qx7!kd0-p", "1q2w3e4r5t", "8301746592"
    assert not any(change(new) for new in (too_short, common, digits))
    long = " Lời thì thầm của gió, 🦊 " * 3
    assert not change(long, old="wrong")
    assert other.get("/account/").status_code == 200
    assert change(long)
    user.refresh_from_db()
    assert user.check_password(long)
    assert not user.check_password(long.strip())
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302


def test_a_session_that_was_ended_opens_nothing() -> None:
    client, copy = Client(), Client()
    client.force_login(a_user())
    copy.cookies["sessionid"] = client.cookies["sessionid"].value
    assert copy.get("/account/").status_code == 200
    client.post("/account/logout")
    assert copy.get("/account/").status_code == 302
