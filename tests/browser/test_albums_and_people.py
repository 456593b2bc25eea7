"""Albums and people."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.browser.place import Place


def test_an_album_is_made_dated_and_given_a_cover(page: Page, gallery: Place) -> None:
    page.goto("/albums/")
    page.get_by_role("link", name="New album").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Summer fête")
    page.get_by_role("textbox", name="Date").fill("2024-07-14")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Summer fête")).to_be_visible()
    expect(page.get_by_text("July 14, 2024")).to_be_visible()

    page.goto("/photos/")
    page.locator(".tile a").first.click()
    page.locator("summary", has_text="Album").click()
    page.get_by_label("Put into the album").select_option(label="Summer fête")
    page.get_by_role("button", name="Move", exact=True).click()
    page.locator("summary", has_text="Album").click()
    page.get_by_role("button", name="Make it the album's cover").click()
    expect(page.get_by_text("You chose the cover of the album “Summer fête”.")).to_be_visible()
    page.goto("/albums/")
    expect(page.get_by_role("link", name="Summer fête").locator("img")).to_be_visible()


def test_an_album_shows_who_is_in_it(page: Page, montage: str) -> None:
    page.goto("/albums/")
    page.get_by_role("link", name="Summer fête").click()
    expect(page.get_by_role("link", name="Barack Obama 1 photo")).to_be_visible()


def test_a_person_is_added_with_pictures_renamed_and_hidden(page: Page, place: Place, gallery: Place) -> None:
    page.goto("/people/new")
    page.get_by_role("textbox", name="Name", exact=True).fill("Lê Thị Hoa")
    page.get_by_label("Pictures").set_input_files(place.photos / "portrait.jpg")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 picture added.")).to_be_visible()
    expect(page.get_by_role("img", name="Reference 1")).to_be_visible()
    page.get_by_role("button", name="Make reference 1 the cover").click()
    expect(page.get_by_role("button", name="Make reference 1 the cover")).to_have_attribute(
        "aria-pressed", "true"
    )

    page.get_by_role("link", name="Rename").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Lê Thu Hoa")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Lê Thu Hoa")).to_be_visible()
    page.get_by_label("More", exact=True).click()
    page.get_by_role("button", name="Hide").click()
    page.goto("/people/")
    expect(page.get_by_role("link", name="Lê Thu Hoa")).to_have_count(0)
    page.goto("/people/?hidden")
    page.get_by_role("link", name="Lê Thu Hoa").click()
    page.get_by_label("More", exact=True).click()
    page.get_by_role("button", name="Show again").click()
    page.goto("/people/?name=thu hoa")
    expect(page.get_by_role("link", name="Lê Thu Hoa")).to_be_visible()


def test_a_taken_name_is_refused_with_what_to_do(page: Page, gallery: Place) -> None:
    page.goto("/people/new")
    page.get_by_role("textbox", name="Name", exact=True).fill("joe biden")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("There is already a person called “Joe Biden”.")).to_be_visible()


def test_a_person_page_shows_photos_and_references(page: Page, montage: str) -> None:
    page.goto("/people/?name=obama")
    page.get_by_role("link", name="Barack Obama").click()
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.get_by_role("img", name="Reference 1")).to_be_visible()


def test_light_dark_and_language_are_kept(visits: Visits, gallery: Place) -> None:
    page = visits.as_user("vy", color_scheme="light")
    page.goto("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Your account").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.goto("/people/")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.get_by_label("Your account").click()
    page.locator("button[value=vi]").click()
    expect(page.locator("html")).to_have_attribute("lang", "vi")
