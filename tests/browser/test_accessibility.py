"""axe finds nothing on any page, in both themes, on a desktop and on a phone; nothing scrolls sideways."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP, PHONE, Visits
from tests.browser.place import Place

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAGES = (
    "/",
    "/photos/",
    "/upload/",
    "/albums/",
    "/albums/new",
    "{album}",
    "{photo}",
    "{photo}?face={face}",
    "/people/",
    "/people/new",
    "{person}",
    "{person}edit",
    "/trash/",
    "/account/password",
    "/nowhere/",
)
OPEN_PAGES = ("/account/login", "/account/reset", "/account/reset/sent")
ADDRESSES = """
photo = Photo.objects.filter(faces__person__isnull=False, album__isnull=False).first()
face = photo.faces.filter(person__isnull=False).first()
answer = {"photo": f"/photos/{photo.pk}/", "face": str(face.pk), "album": f"/albums/{photo.album_id}/",
          "person": f"/people/{face.person_id}/"}
"""


@pytest.fixture(scope="package")
def addresses(gallery: Place, montage: str) -> dict[str, str]:
    found: dict[str, str] = gallery.ask(ADDRESSES)
    return found


def problems(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {one['help']} {[node['target'] for node in one['nodes']][:3]}" for one in found]


def check(page: Page, paths: list[str]) -> None:
    found = {}
    for path in paths:
        page.goto(path)
        found[path] = problems(page)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            found[path].append(f"scrolls sideways by {wide} pixels")
    bad = {path: said for path, said in found.items() if said}
    assert not bad, "\n".join(f"{path}: {line}" for path, said in bad.items() for line in said)


@pytest.mark.parametrize(
    ("size", "theme", "language"),
    [
        pytest.param(DESKTOP, "light", "en", id="desktop-light-en"),
        pytest.param(DESKTOP, "dark", "vi", id="desktop-dark-vi"),
        pytest.param(PHONE, "light", "vi", id="phone-light-vi"),
        pytest.param(PHONE, "dark", "en", id="phone-dark-en"),
    ],
)
def test_no_page_keeps_anybody_out(
    visits: Visits, addresses: dict[str, str], size: dict[str, int], theme: str, language: str
) -> None:
    page = visits.as_user("mai", size, color_scheme=theme, locale=language, reduced_motion="reduce")
    check(page, [path.format(**addresses) for path in PAGES])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_signing_in_keeps_nobody_out(visits: Visits, theme: str) -> None:
    page = visits.as_nobody(color_scheme=theme)
    check(page, list(OPEN_PAGES))
