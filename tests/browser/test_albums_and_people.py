"""Albums and people."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Visits
from tests.browser.place import Place


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    found: dict[str, int] = request.param
    return found


@pytest.fixture
def page(visits: Visits, size: dict[str, int]) -> Page:
    """A curator's page on both widths."""
    return visits.as_user("mai", size)


@pytest.fixture
def suffix(size: dict[str, int]) -> str:
    """What keeps the names of one width's run apart from the other's."""
    return "" if size == DESKTOP else " em"


def test_an_album_is_made_dated_given_a_cover_and_shows_who_is_in_it(
    page: Page, montage: str, suffix: str
) -> None:
    page.goto("/albums/")
    page.get_by_role("link", name="New album").click()
    page.get_by_role("textbox", name="Name", exact=True).fill(f"Summer fête{suffix}")
    page.get_by_role("textbox", name="Date").fill("2024-07-14")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=f"Summer fête{suffix}")).to_be_visible()
    expect(page.get_by_text("July 14, 2024")).to_be_visible()

    page.goto("/photos/")
    page.locator(".tile a").first.click()
    page.locator("summary", has_text="Album").click()
    page.get_by_label("Add to album").select_option(label=f"Summer fête{suffix}")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name=f"Make it the cover of Summer fête{suffix}").click()
    expect(page.get_by_text(f"You chose the cover of the album “Summer fête{suffix}”.")).to_be_visible()
    page.goto("/albums/")
    expect(page.get_by_role("link", name=f"Summer fête{suffix}").locator("img")).to_be_visible()
    page.get_by_role("link", name=f"Summer fête{suffix}", exact=False).last.click()
    expect(page.get_by_role("link", name="Barack Obama 1 photo")).to_be_visible()


def test_a_person_is_added_with_pictures_renamed_and_hidden(
    page: Page, place: Place, gallery: Place, suffix: str
) -> None:
    page.goto("/people/new")
    page.get_by_role("textbox", name="Name", exact=True).fill(f"Lê Thị Hoa{suffix}")
    page.get_by_label("Pictures").set_input_files(place.photos / "portrait.jpg")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 picture added.")).to_be_visible()
    expect(page.get_by_role("img", name="Reference 1")).to_be_visible()
    page.get_by_role("button", name="Make reference 1 the cover").click()
    expect(page.get_by_role("button", name="Make reference 1 the cover")).to_have_attribute(
        "aria-pressed", "true"
    )

    page.get_by_role("link", name="Rename").click()
    page.get_by_role("textbox", name="Name", exact=True).fill(f"Lê Thu Hoa{suffix}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=f"Lê Thu Hoa{suffix}")).to_be_visible()
    page.get_by_label("More for this person").click()
    page.get_by_role("button", name="Hide").click()
    page.goto("/people/")
    expect(page.get_by_role("link", name=f"Lê Thu Hoa{suffix}")).to_have_count(0)
    page.goto("/people/?hidden")
    page.get_by_role("link", name=f"Lê Thu Hoa{suffix}").click()
    page.get_by_label("More for this person").click()
    page.get_by_role("button", name="Show again").click()
    page.goto(f"/people/?name=thu hoa{suffix}")
    expect(page.get_by_role("link", name=f"Lê Thu Hoa{suffix}")).to_be_visible()


def test_a_name_that_is_there_is_asked_about(page: Page, gallery: Place) -> None:
    page.goto("/people/new")
    page.get_by_role("textbox", name="Name", exact=True).fill("joe biden")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is it the same person, or another of that name?")).to_be_visible()
    expect(page.locator(".notice").get_by_role("link", name="Joe Biden")).to_be_visible()
    expect(page.get_by_role("checkbox", name="No, another person of that name.")).to_be_visible()


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


def test_an_album_is_shared_by_a_link_that_can_be_taken_back(
    page: Page, visits: Visits, gallery: Place, montage: str, size: dict[str, int]
) -> None:
    album = gallery.ask("answer = Photo.objects.get(name='montage.jpg').albums.earliest('pk').pk")
    page.goto(f"/albums/{album}/share")
    page.get_by_label("Show names").check()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_role("status").get_by_role("link").get_attribute("href")
    assert link
    guest = visits.as_nobody(size)
    guest.goto(link)
    guest.locator(".tile a").first.click()
    expect(guest.get_by_text("Barack Obama").first).to_be_visible()
    assert guest.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.get_by_role("button", name="Take it back").first.click()
    expect(page.get_by_text("None.")).to_be_visible()
    answer = guest.goto(link)
    assert answer
    assert answer.status == 404
