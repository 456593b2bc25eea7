"""From nothing to a first named photo. Runs first, while the site is empty."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.browser.place import Place


def test_an_empty_site_says_what_to_do_first(page: Page, visits: Visits) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Upload a group photo")).to_be_visible()
    for address, words in (
        ("/photos/", "No photos yet"),
        ("/albums/", "No albums yet"),
        ("/people/", "Nobody yet"),
        ("/trash/", "The trash is empty"),
    ):
        page.goto(address)
        expect(page.get_by_role("heading", name=words)).to_be_visible()
    viewer = visits.as_user("vy")
    viewer.goto("/")
    expect(viewer.get_by_text("Photos appear here as soon as somebody uploads them.")).to_be_visible()
    expect(viewer.get_by_role("link", name="Upload")).to_have_count(0)


def test_a_photo_is_uploaded_looked_at_and_a_face_named(page: Page, place: Place) -> None:
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Upload photos").click()
    page.get_by_label("Choose photos").set_input_files(place.photos / "first.jpg")
    tile = page.locator(".tile").first
    expect(tile).to_be_visible()
    expect(tile).not_to_have_class(re.compile("busy"))
    tile.get_by_role("link").click()

    page.locator("a.box").first.click()
    expect(page.get_by_role("heading", name="Who is this?")).to_be_visible()
    page.get_by_placeholder("Type a name").fill("Barack Obama")
    expect(page.get_by_role("option", name="New person")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is Barack Obama.")).to_be_visible()
    expect(page.locator(".nametag.confirmed")).to_have_text("Barack Obama")

    page.goto("/")
    expect(page.get_by_role("heading", name="Upload a group photo")).to_have_count(0)
    expect(page.get_by_role("link", name="Barack Obama 1 photo")).to_be_visible()
