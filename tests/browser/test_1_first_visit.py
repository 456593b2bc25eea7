"""From nothing to a first named photo. Runs first, while the site is empty."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PHONE, Visits
from tests.browser.place import PASSWORD, Place
from tests.site import Site


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


MOST_STEPS = 9  # with the password at hand; each a few seconds, so that all takes less than two minutes


class Steps:
    """What somebody has to do, counted."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def click(self, what: Locator) -> None:
        self.done.append(f"click {what}")
        what.click()

    def type(self, into: Locator, text: str) -> None:
        self.done.append(f"type {text}")
        into.fill(text)

    def press(self, page: Page, key: str) -> None:
        self.done.append(f"press {key}")
        page.keyboard.press(key)

    def choose(self, field: Locator, file: Path) -> None:
        self.done.append(f"choose {file.name}")
        field.set_input_files(file)


def test_from_nothing_to_a_named_face_in_nine_steps(visits: Visits, place: Place) -> None:
    first_name(visits.as_nobody(), place.photos)


def test_the_same_on_a_phone(browser: Browser, place: Place, tmp_path: Path) -> None:
    site = Site(tmp_path / "data")
    with site.worker(), site.web() as address:
        Place(site, address, place.photos).make_users()
        context = browser.new_context(
            base_url=address,
            viewport={"width": PHONE["width"], "height": PHONE["height"]},
            is_mobile=True,
            has_touch=True,
        )
        first_name(context.new_page(), place.photos)
        context.close()


def first_name(page: Page, photos: Path) -> None:
    steps = Steps()
    page.goto("/")
    steps.type(page.get_by_label("Username"), "mai")
    steps.type(page.get_by_label("Password"), PASSWORD)
    steps.press(page, "Enter")
    steps.click(page.get_by_role("main").get_by_role("link", name="Upload photos"))
    steps.choose(page.get_by_label("Choose photos"), photos / "first.jpg")
    tile = page.locator(".tile").first
    expect(tile).to_be_visible()
    expect(tile).not_to_have_class(re.compile("busy"))
    steps.click(tile.get_by_role("link"))
    steps.click(page.locator("a.box").first)
    expect(page.get_by_role("heading", name="Who is this?")).to_be_visible()
    steps.type(page.get_by_placeholder("Type a name"), "Barack Obama")
    expect(page.get_by_role("option", name="New person")).to_be_visible()
    steps.press(page, "Enter")
    expect(page.get_by_text("This is Barack Obama.")).to_be_visible()
    expect(page.locator(".nametag.confirmed")).to_have_text("Barack Obama")
    assert len(steps.done) <= MOST_STEPS, steps.done

    page.goto("/")
    expect(page.get_by_role("heading", name="Upload a group photo")).to_have_count(0)
    expect(page.get_by_role("link", name="Barack Obama", exact=True)).to_be_visible()
