"""A person's page with more photos than it shows at once, and with companions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import DESKTOP, Furnished

PHOTOS, SHOWN = 40, 36  # of the person; at once
MAKE = f"""
from gallery.models import Status
from tests.making import a_named_face, a_person
person, companion = a_person("Đỗ Văn Nam"), a_person("Vũ Thị Lan")
for number in range({PHOTOS}):
    name = f"nam-{{number}}.jpg"
    photo = Photo.objects.create(name=name, file=name, sha256=name, width=800, height=600, work=Status.DONE)
    for one in (person, companion)[: 1 + (number < 3)]:
        a_named_face(one, photo)
answer = [person.pk, companion.pk]
"""
REMOVE = """
Photo.objects.filter(name__startswith="nam-").delete()
Person.objects.filter(pk__in={}).delete()
answer = None
"""


@pytest.fixture(scope="module")
def address(furnished: Furnished) -> Iterator[str]:
    """Of somebody on many photos, with somebody else on three of them."""
    made = furnished.site.ask(MAKE)
    yield f"/people/{made[0]}/"
    furnished.site.ask(REMOVE.format(made))


@pytest.fixture
def page(browser: Browser, furnished: Furnished) -> Page:
    return furnished.as_role(browser, "viewer", viewport=DESKTOP).new_page()


def test_companions_are_asked_for_when_they_come_into_sight(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.headers.get("hx-target", "")))
    page.goto(address, wait_until="networkidle")
    strip = page.locator("#together")
    expect(strip).not_to_be_in_viewport()
    expect(strip.get_by_role("listitem")).to_have_count(0)
    assert "together" not in asked
    page.get_by_role("heading", name="Often together with").scroll_into_view_if_needed()
    expect(strip.get_by_role("link", name="Vũ Thị Lan 3 photos")).to_be_in_viewport()
    assert asked.count("together") == 1
    assert page.url.endswith(address)


def test_more_photos_are_added_to_those_that_are_shown(page: Page, address: str) -> None:
    page.goto(address)
    tiles = page.locator(".photos .tile")
    expect(tiles).to_have_count(SHOWN)
    page.evaluate("window.isSame = true")
    page.get_by_role("link", name="More photos").click()
    expect(tiles).to_have_count(PHOTOS)
    addresses = tiles.locator("a").evaluate_all("(links) => links.map((one) => one.pathname)")
    assert len(set(addresses)) == PHOTOS
    expect(page.get_by_role("link", name="More photos")).to_have_count(0)
    expect(page.get_by_role("heading", name="Đỗ Văn Nam")).to_be_attached()
    expect(page.get_by_role("heading", name="References")).to_be_attached()
    assert page.evaluate("window.isSame"), "the page was loaded anew"


QUESTION = "<nav>Elsewhere</nav><main id='main'><h1>Is that meant?</h1><button>Go on</button></main>"


def test_a_question_in_place_of_an_act_is_asked_in_its_dialog(
    browser: Browser, furnished: Furnished, address: str
) -> None:
    def ask(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(body=QUESTION, headers={"HX-Reselect": "#main", "Content-Type": "text/html"})
        else:
            route.continue_()

    page = furnished.as_role(browser, "curator", viewport=DESKTOP).new_page()
    page.route("**/recognition", ask)
    page.goto(address)
    page.get_by_role("link", name="Stop recognising").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop recognising").click()
    dialog = page.get_by_role("dialog", name="Is that meant?")
    expect(dialog.get_by_role("button", name="Go on")).to_be_visible()
    expect(dialog).not_to_contain_text("Elsewhere")
