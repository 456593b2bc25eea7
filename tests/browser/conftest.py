"""A real Chromium against a real web server, worker and database. Everything here lives as long as the package.

Playwright keeps an event loop in this thread, and Django refuses its database then: tests here look behind the
pages through `Place.ask`, which runs in another process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.contexts import give_back_contexts, is_pooled, take_context
from tests.browser.making import make_photos
from tests.browser.place import PASSWORD, USERS, Place
from tests.site import Site

# The same engine without windows takes three quarters of the time.
BROWSERS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((path for path in BROWSERS if path.exists()), BROWSERS[-1])
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SIZES = {"desktop": DESKTOP, "phone": PHONE}
PATIENCE = 45_000  # milliseconds until a page must have got there; a worker looks at a photo meanwhile


# Files that use one site run in one process, in the order of their names; these use others than `place`.
GROUPS = {
    "test_accessibility.py": "furnished",
    "test_alike_page.py": "furnished",
    "test_face_panel.py": "furnished",
    "test_installed.py": "furnished",
    "test_keyboard.py": "furnished",
    "test_names_on_photos.py": "furnished",
    "test_person_page.py": "furnished",
    "test_policy.py": "furnished",
    "test_slideshow.py": "furnished",
    "test_who_page.py": "furnished",
    "test_without_scripts.py": "furnished",
    "test_zoom.py": "furnished",
    "test_curation.py": "own",
    "test_health.py": "own",
    "test_workplace.py": "own",
}


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group(f"browser-{GROUPS.get(item.path.name, 'place')}"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"NOT TESTED: there is no browser at {CHROMIUM}")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    return SIZES[request.param]


@pytest.fixture(autouse=True)
def closed(browser: Browser) -> Iterator[None]:
    """No page is left open: one that outlives its server would complain into another test."""
    before = list(browser.contexts)
    yield
    give_back_contexts()
    for context in browser.contexts:
        if context not in before and not is_pooled(context):
            context.close()


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory, demo: tuple[Path, Path]) -> Iterator[Place]:
    """An empty site with users, its worker running."""
    folder = tmp_path_factory.mktemp("browser")
    photos = folder / "photos"
    photos.mkdir()
    make_photos(next(demo[1].iterdir()), next((demo[0] / "Joe Biden").iterdir()), photos)
    site = Site(folder / "data", FACESITE_EMBEDDER="")  # as a new site begins: SFace where its file is
    with site.worker(), site.web() as address:
        found = Place(site, address, photos)
        found.make_users()
        yield found


@pytest.fixture(scope="package")
def gallery(place: Place, demo: tuple[Path, Path]) -> Place:
    """The site with the demonstration's people, an album, and their photo, recognised."""
    people, photos = demo
    place.site.manage("import_people", str(people))
    place.site.manage("build_index", is_checked=False)  # unless the worker is at it already
    place.site.manage("import_photos", str(photos), "--album", "Portraits")
    return place


@dataclass(frozen=True)
class Furnished:
    """A site with one of everything: its pages by the names of their addresses, and who may see each."""

    site: Site
    address: str
    pages: dict[str, tuple[str, str | None]]
    more: dict[str, str]
    admin: dict[str, str]

    def as_role(self, browser: Browser, role: str | None, **options: Any) -> BrowserContext:
        """A browser signed in as the user of this role, without going through the page for it."""
        context = take_context(browser, base_url=self.address, **options)
        if role:
            key = self.site.make_session(f"a_{role}")
            context.add_cookies([{"name": "sessionid", "value": key, "url": self.address}])
        return context


FURNISH = "from tests.browser.furnishing import furnish\nanswer = furnish({montage!r})"


@pytest.fixture(scope="package")
def furnished(tmp_path_factory: pytest.TempPathFactory, demo: tuple[Path, Path]) -> Iterator[Furnished]:
    """No worker is there, so that nothing changes but by the tests."""
    folder = tmp_path_factory.mktemp("furnished")
    site = Site(folder / "data", FACESITE_IDENTIFY="yes")
    found = site.ask(FURNISH.format(montage=str(next(demo[1].iterdir()))))
    pages = {name: (path, role) for name, (path, role) in found["pages"].items()}
    with site.web() as address:
        yield Furnished(site, address, pages, found["more"], found["admin"])


@pytest.fixture(scope="package")
def montage(gallery: Place) -> str:
    """The address of the demonstration's photo, looked at by the worker: Obama and two strangers."""
    return f"/photos/{gallery.ask(WAIT_FOR_MONTAGE)}/"


WAIT_FOR_MONTAGE = """
import time
for _ in range(200):
    photo = Photo.objects.get(name="montage.jpg")
    if photo.faces.filter(state="known").exists():
        break
    time.sleep(0.2)
answer = photo.pk
"""


@pytest.fixture(scope="package")
def logins(browser: Browser, place: Place) -> dict[str, Any]:
    """Each user's cookies, so that tests need not sign in again and again."""
    return {name: _signed_in(browser, place, name) for name in USERS}


def _signed_in(browser: Browser, place: Place, name: str) -> Any:
    context = browser.new_context(base_url=place.address)
    page = context.new_page()
    page.goto("/account/login")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/$"))
    state = context.storage_state()
    context.close()
    return state


class Visits:
    """Opens pages as somebody, and keeps what the browser complains about."""

    def __init__(self, browser: Browser, place: Place, logins: dict[str, Any]) -> None:
        self.browser, self.place, self.logins = browser, place, logins
        self.complaints: list[str] = []

    def as_user(self, name: str, viewport: dict[str, int] | None = None, **options: Any) -> Page:
        return self._page(viewport or DESKTOP, self.logins[name]["cookies"], **options)

    def as_nobody(self, viewport: dict[str, int] | None = None, **options: Any) -> Page:
        return self._page(viewport or DESKTOP, [], **options)

    def _page(self, viewport: dict[str, int], cookies: list[Any], **options: Any) -> Page:
        is_phone = viewport["width"] < 500
        context = take_context(
            self.browser,
            base_url=self.place.address,
            viewport=viewport,
            is_mobile=is_phone,
            has_touch=is_phone,
            **options,
        )
        context.add_cookies(cookies)
        page = context.new_page()
        page.on("console", lambda said: self._note(said.type, said.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        return page

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and "404 (Not Found)" not in text:
            self.complaints.append(text)


@pytest.fixture
def visits(browser: Browser, place: Place, logins: dict[str, Any]) -> Iterator[Visits]:
    made = Visits(browser, place, logins)
    yield made
    give_back_contexts()
    assert not made.complaints, f"the browser complained: {made.complaints}"


@pytest.fixture
def page(visits: Visits) -> Page:
    """A curator's page on a desktop."""
    return visits.as_user("mai")


@pytest.fixture
def phone(visits: Visits) -> Page:
    """A curator's page on a phone."""
    return visits.as_user("mai", PHONE)
