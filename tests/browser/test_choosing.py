"""Choosing many photos and acting on them at once: by pointer, by keys, on a phone, without scripts."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Furnished, Visits
from tests.browser.place import Place

ADD = """
import hashlib
from gallery.models import Photo, Status
like = Photo.objects.get(name="montage.jpg")
for number in range(7):
    sha = hashlib.sha256(f"chosen {number}".encode()).hexdigest()
    Photo.objects.get_or_create(sha256=sha, defaults={
        "name": f"chosen {number}.jpg", "file": f"photos/chosen{number}.jpg", "search": f"chosen {number}.jpg",
        "width": 800, "height": 600, "work": Status.DONE, "format": "JPEG"})
answer = None
"""
COUNT = "answer = Photo.objects.filter(name__startswith='chosen', {}).count()"


@pytest.fixture(scope="module", autouse=True)
def many(gallery: Place, montage: str) -> Iterator[None]:
    """Seven photos more, without pictures: what is shown of them does not matter here. They go afterwards."""
    gallery.ask(ADD)
    yield
    gallery.ask("Photo.objects.filter(name__startswith='chosen').delete(); answer = None")


def box(page: Page, number: int) -> Locator:
    return page.get_by_role("checkbox", name=f"Choose chosen {number}.jpg")


def bar(page: Page) -> Locator:
    return page.get_by_role("form", name="Chosen photos")


def test_a_range_goes_into_a_new_album_and_back_by_one_undo(page: Page, gallery: Place) -> None:
    page.goto("/photos/")
    expect(bar(page)).to_be_hidden()
    page.locator(".tile").first.hover()
    box(page, 6).check()
    box(page, 2).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("5 chosen")
    page.get_by_role(
        "link", name="chosen 4.jpg"
    ).click()  # once some are chosen, a photo is chosen by a click
    expect(bar(page)).to_contain_text("4 chosen")
    bar(page).locator("summary", has_text="Album").click()
    expect(page.get_by_label("Add to album")).to_be_focused()
    page.keyboard.type("Winter ball")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You put 4 photos into the album “Winter ball”.")).to_be_visible()
    expect(bar(page)).to_be_hidden()
    assert gallery.ask(COUNT.format("albums__name='Winter ball'")) == 4
    with page.expect_navigation():
        page.get_by_role("button", name="Undo").click()
    assert gallery.ask("answer = Album.objects.filter(name='Winter ball').count()") == 0
    assert gallery.ask("answer = Event.objects.filter(verb='photos.album').count()") == 1


def test_by_keys_alone_photos_go_into_the_trash_and_the_focus_stays(page: Page, gallery: Place) -> None:
    page.goto("/photos/")
    page.get_by_role("link", name="chosen 5.jpg").focus()
    page.keyboard.press("x")
    page.get_by_role("link", name="chosen 3.jpg").focus()
    page.keyboard.press("Shift+Space")
    expect(bar(page)).to_contain_text("3 chosen")
    page.keyboard.press("Escape")
    expect(bar(page)).to_be_hidden()
    page.get_by_role("link", name="chosen 5.jpg").focus()
    page.keyboard.press("Space")
    page.keyboard.press("m")
    expect(bar(page).locator("summary", has_text="Album")).to_be_focused()
    page.get_by_role("link", name="chosen 5.jpg").focus()
    page.keyboard.press("Delete")
    expect(page.get_by_text("You put 1 photo into the trash.")).to_be_visible()
    expect(page.get_by_role("link", name="chosen 5.jpg")).to_have_count(0)
    expect(page.get_by_role("link", name="chosen 4.jpg")).to_be_focused()
    with page.expect_navigation():
        page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="chosen 5.jpg")).to_be_visible()


def test_on_a_phone_photos_are_chosen_by_a_tap_and_restored_from_the_trash(
    phone: Page, gallery: Place
) -> None:
    phone.goto("/photos/")
    box(phone, 1).tap()
    phone.get_by_role("link", name="chosen 2.jpg").tap()
    expect(bar(phone)).to_contain_text("2 chosen")
    width = phone.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "the bar is wider than the phone"
    bar(phone).get_by_role("button", name="Trash").tap()
    expect(phone.get_by_text("You put 2 photos into the trash.")).to_be_visible()
    phone.goto("/trash/")
    box(phone, 1).tap()
    box(phone, 2).tap()
    bar(phone).get_by_role("button", name="Restore").tap()
    expect(phone.get_by_text("You took 2 photos out of the trash.")).to_be_visible()
    assert gallery.ask(COUNT.format("trashed_at=None")) == 7


def test_chosen_photos_come_as_one_zip(visits: Visits, gallery: Place, tmp_path: Path) -> None:
    page = visits.as_user("vy")
    page.goto("/photos/?show=")
    page.locator(".tile", has=page.locator("img[alt*=Obama]")).first.get_by_role("checkbox").check()
    expect(bar(page).locator("summary", has_text="Album")).to_have_count(0)  # viewers change nothing
    bar(page).locator("summary", has_text="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Photos with boxes and names").click()
    download.value.save_as(tmp_path / "photos.zip")
    with zipfile.ZipFile(tmp_path / "photos.zip") as archive:
        assert [name for name in archive.namelist() if name.endswith("-names.jpg")]


def test_without_scripts_boxes_and_buttons_are_a_plain_form(browser: Browser, furnished: Furnished) -> None:
    context = furnished.as_role(browser, "curator", java_script_enabled=False)
    page = context.new_page()
    page.goto(furnished.pages["album"][0])
    first = page.locator(".tile").first
    first.hover()
    first.get_by_role("checkbox").check()
    bar(page).locator("summary", has_text="Album").click()
    page.get_by_label("Add to album").fill("By plain form")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("You put “group-3.jpg” into the album “By plain form”.")).to_be_visible()
    expect(page).to_have_url(re.compile(re.escape(furnished.pages["album"][0])))
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: ")).to_be_visible()
