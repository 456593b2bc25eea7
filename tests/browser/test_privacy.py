"""Consents, recognition switched off and on, all that is known: clicked through on a desktop and on a phone.

Each test leaves the site as it found it, for the files that come after this one.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Visits
from tests.browser.place import PASSWORD, Place

SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
NAME = "Barack Obama"
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
LET_RUN_OUT = f"""
from datetime import timedelta
from django.utils import timezone
person = Person.objects.get(name={NAME!r})
Person.objects.filter(pk=person.pk).update(
    consent_until=timezone.localdate() - timedelta(days=3), consent_note="Form in folder 12")
answer = person.pk
"""
AS_BEFORE = f"""
import time
from gallery.people.services import set_person_consent, set_person_recognised
from gallery.photos.services import retry_photo, set_photo_recognition
user = User.objects.get(username="mai")
person = Person.objects.get(name={NAME!r})
set_person_consent(user, person, "", None)
set_person_recognised(user, Person.objects.get(pk=person.pk), True)
for photo in Photo.objects.filter(is_recognised=False):
    set_photo_recognition(user, photo, True)
photo = Photo.objects.get(name="montage.jpg")
retry_photo(user, photo)
for _ in range(200):
    if photo.faces.filter(state="known").exists() and Photo.objects.get(pk=photo.pk).work == "done":
        break
    time.sleep(0.2)
answer = photo.faces.filter(person=person, state="known").count()
"""


def problems(page: Page) -> list[str]:
    """Of a page in the middle of an act; whole pages are looked at in test_accessibility.py."""
    page.emulate_media(reduced_motion="reduce")  # what is half faded in has half its contrast
    found = Axe().run(page, options=WCAG).response["violations"]
    return [f"{one['id']}: {one['help']} {[node['target'] for node in one['nodes']][:3]}" for one in found]


@pytest.fixture
def restored(place: Place, montage: str) -> Iterator[None]:
    yield
    assert place.ask(AS_BEFORE) == 1, "the photo's name has come back"


@pytest.fixture
def person(gallery: Place, montage: str) -> str:
    return f"/people/{gallery.ask(f'answer = Person.objects.get(name={NAME!r}).pk')}/"


@SIZES
def test_a_consent_that_ran_out_is_seen_and_renewed(
    visits: Visits, place: Place, person: str, restored: None, size: dict[str, int]
) -> None:
    place.ask(LET_RUN_OUT)
    page = visits.as_user("mai", size)
    page.goto(person)
    expect(page.get_by_text("The consent ran out on")).to_be_visible()
    page.goto("/consents/")
    expect(page.get_by_role("link", name=NAME, exact=True)).to_be_visible()
    expect(page.get_by_text("Form in folder 12")).to_be_visible()
    assert not problems(page)
    page.locator("li.consent", has_text=NAME).get_by_role("link", name="Renew").click()
    page.get_by_label("Last day it is valid").fill("2099-12-31")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"You changed the consent of “{NAME}”.")).to_be_visible()
    expect(page.get_by_role("link", name=NAME, exact=True)).to_have_count(0)
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name=NAME, exact=True)).to_be_visible()


@SIZES
def test_a_person_is_no_longer_recognised_after_a_look_at_what_goes(
    visits: Visits, person: str, restored: None, size: dict[str, int]
) -> None:
    page = visits.as_user("mai", size)
    page.goto(person)
    page.get_by_role("link", name="Stop recognising").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=f"Stop recognising {NAME}?")).to_be_visible()
    expect(dialog.get_by_text("Names the machine gave, taken away")).to_be_visible()
    assert not problems(page)
    dialog.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("link", name="Stop recognising")).to_be_visible()
    page.get_by_role("link", name="Stop recognising").click()
    dialog.get_by_role("button", name="Stop recognising").click()
    expect(page.get_by_text("Nobody is recognised as this person")).to_be_visible()
    expect(page.get_by_role("link", name="Recognise again")).to_be_visible()
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Stop recognising")).to_be_visible()


def test_a_photos_names_go_and_come_back_with_its_recognition(
    page: Page, montage: str, restored: None
) -> None:
    page.goto(montage)
    faces = page.locator("#facelist")
    expect(faces.get_by_text(NAME)).to_be_visible()
    page.get_by_label("More", exact=True).click()
    page.get_by_role("link", name="Stop recognising").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop recognising").click()
    expect(faces.get_by_text("Nobody is recognised in this photo:")).to_be_visible()
    expect(faces.get_by_text(NAME)).to_have_count(0)
    assert not problems(page)
    page.get_by_label("More", exact=True).click()
    page.get_by_role("link", name="Recognise again").click()
    page.get_by_role("dialog").get_by_role("button", name="Recognise again").click()
    expect(faces.get_by_text(NAME)).to_be_visible()


def test_without_scripts_the_question_is_a_page_of_its_own(
    visits: Visits, person: str, restored: None
) -> None:
    page = visits.as_user("mai", java_script_enabled=False)
    page.goto(person)
    page.get_by_role("link", name="Stop recognising").click()
    page.get_by_role("button", name="Stop recognising").click()
    expect(page.get_by_text("Nobody is recognised as this person")).to_be_visible()


def test_an_upload_can_go_into_an_album_where_nobody_is_recognised(page: Page, place: Place) -> None:
    page.goto("/upload/")
    page.get_by_label("or a new one").fill("Not to be recognised")
    page.get_by_label("Recognise nobody in the new album").check()
    page.get_by_label("Choose photos").set_input_files(place.photos / "left.jpg")
    expect(page.get_by_text("Sent: 1 of 1")).to_be_visible()
    asked = "answer = Album.objects.get(name='Not to be recognised').is_recognised"
    assert place.ask(asked) is False
    place.ask(
        "Photo.objects.filter(albums__name='Not to be recognised').delete()\n"
        "Album.objects.filter(name='Not to be recognised').delete()\nanswer = None"
    )


def test_the_share_form_offers_to_hide_faces_without_a_name(page: Page, gallery: Place, montage: str) -> None:
    album = gallery.ask("answer = Photo.objects.get(name='montage.jpg').albums.earliest('pk').pk")
    page.goto(f"/albums/{album}/share")
    box = page.get_by_label("Hide faces without a name")
    expect(box).not_to_be_checked()
    box.check()
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("faces without a name hidden")).to_be_visible()
    page.get_by_role("button", name="Take it back").click()


@pytest.fixture
def administrator(visits: Visits, place: Place) -> Page:
    place.ask(
        "User.objects.filter(username='ad').exists() or "
        f"User.objects.create_user('ad', password={PASSWORD!r}, role='administrator')\nanswer = None"
    )
    page = visits.as_nobody()
    page.goto("/account/login")
    page.get_by_label("Username").fill("ad")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Manage").first).to_be_visible()
    return page


def test_an_administrator_is_given_all_that_is_known_and_removes_it(
    administrator: Page, person: str, tmp_path: Path
) -> None:
    page = administrator
    page.goto(person)
    page.get_by_role("link", name="All that is known").click()
    page.get_by_role("button", name="Make the file").click()
    fetch = page.get_by_role("link", name="Fetch")
    expect(fetch).to_be_visible()
    assert not problems(page)
    with page.expect_download() as started:
        fetch.click()
    started.value.save_as(tmp_path / "all.zip")
    names = zipfile.ZipFile(tmp_path / "all.zip").namelist()
    assert {"read-me.html", "data.json", "embeddings.json"} <= set(names)
    assert any(name.startswith("faces/") for name in names)
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The file is gone.")).to_be_visible()
    expect(fetch).to_have_count(0)
