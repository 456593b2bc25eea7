"""What works with JavaScript switched off: all that a plain form or link can do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Furnished
from tests.making_pictures import jpeg


@pytest.fixture
def page(browser: Browser, furnished: Furnished) -> Page:
    """A curator's page."""
    return furnished.as_role(browser, "curator", java_script_enabled=False).new_page()


def test_photos_are_uploaded_and_each_file_is_answered(page: Page) -> None:
    page.goto("/upload/")
    page.get_by_label("or a new one").fill("Without scripts")
    page.locator("input[name=photos]").set_input_files(
        [
            {"name": "plain.jpg", "mimeType": "image/jpeg", "buffer": jpeg(123)},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no photo"},
        ]
    )
    page.get_by_role("main").get_by_role("button", name="Upload").click()
    expect(page.locator("[data-added] .tile")).to_have_count(1)
    expect(page.locator(".filerow.refused")).to_contain_text("notes.txt")
    page.goto("/albums/")
    page.get_by_role("link", name="Without scripts").click()
    expect(page.locator(".tile")).to_have_count(1)


def test_a_face_is_named_taken_back_and_the_way_kept(page: Page, furnished: Furnished) -> None:
    page.goto(furnished.pages["album"][0])
    page.locator(".tile a").first.click()
    expect(page).to_have_url(re.compile(r"\?in=album%3A\d+$"))
    page.locator("a.box").first.click()
    page.get_by_placeholder("Type a name").fill("Plain Form")
    page.get_by_placeholder("Type a name").press("Enter")
    expect(page.get_by_text("This is Plain Form.")).to_be_visible()
    expect(page.locator(".nametag.confirmed", has_text="Plain Form")).to_be_visible()
    expect(page).to_have_url(re.compile(r"in=album%3A\d+$"))
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".nametag", has_text="Plain Form")).to_have_count(0)
    page.get_by_label("Next photo").click()
    expect(page.get_by_text(re.compile(r"^\s*2 of \d+\s*$"))).to_be_visible()


def test_the_review_is_answered(page: Page) -> None:
    page.goto("/review/")
    card = page.locator("[data-waits]").first
    card.get_by_role("button", name="Right, this is").click()
    expect(page.locator("[data-waits]")).to_have_count(0)
    page.goto("/history/")
    page.get_by_role("button", name="Undo: named a face").first.click()
    expect(page.get_by_text("Undone: named a face")).to_be_visible()
    page.goto("/review/")
    expect(page.locator("[data-waits]")).to_have_count(1)


def test_a_group_is_named_and_taken_back(page: Page) -> None:
    page.goto("/unknown/")
    page.get_by_role("link", name="Name them").first.click()
    page.locator("input[name=face]").first.uncheck()
    page.get_by_label("Name", exact=True).fill("A Group")
    page.get_by_role("button", name="Save the name").click()
    expect(page.get_by_text("“A Group”").first).to_be_visible()
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_role("link", name="Name them")).to_have_count(1)


def test_people_are_searched_for_with_and_without(page: Page) -> None:
    page.goto("/")
    page.get_by_role("searchbox").fill("sommerfest")
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("sommerfest")
    everything = page.locator(".tile").count()
    assert everything > 1
    page.get_by_label("Also with").fill("Lan")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".tile")).to_have_count(1)
    page.get_by_label("But without").fill("Nguyễn Thị Minh Khai")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


def test_albums_and_people_are_changed_and_each_act_is_undone(page: Page, furnished: Furnished) -> None:
    page.goto(furnished.pages["album_edit"][0])
    page.get_by_role("textbox", name="Name", exact=True).fill("Another name")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Another name")).to_be_visible()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Sommerfest am See")).to_be_visible()
    page.goto(furnished.pages["person"][0])
    more = page.get_by_role("group").filter(has_text="Hide").get_by_label("More")
    more.click()
    page.get_by_role("button", name="Hide").click()
    page.locator(".toast").get_by_role("button", name="Undo").click()
    more.click()
    expect(page.get_by_role("button", name="Hide")).to_be_visible()


def test_light_and_dark_and_the_language_are_chosen_from_the_menu(page: Page) -> None:
    page.goto("/people/")
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Dark").click()
    page.get_by_label("Your account").click()
    page.locator("button[value=vi]").click()
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    page.locator("summary.iconbutton").first.click()
    page.locator("button[value=en]").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
