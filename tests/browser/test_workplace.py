"""The jobs page and the index's page in a browser: each action with its undo, on both widths and themes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_curation import check, database, keep, signed_in, start_afresh
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SIZES = {"desktop": (1280, 850), "phone": (390, 844)}
LOGIN: dict[str, Any] = {}
ROWS = """
from datetime import timedelta
from django.utils import timezone
from gallery import beats
User.objects.create_user("kim", password="correct horse", role="curator")
now = timezone.now()
def photo(name, work, **columns):
    Photo.objects.create(name=name, file=name, sha256=name, width=800, height=600, work=work, **columns)
for number in range(3):
    photo(f"waiting-{number}.jpg", "queued", queued_at=now)
    photo(f"broken-{number}.jpg", "failed", failure="The file is empty.", finished_at=now)
    photo(f"done-{number}.jpg", "done", started_at=now - timedelta(seconds=2), finished_at=now,
          milliseconds={"detect": 200 + number})
photo("aside.jpg", "cancelled")
photo("busy.jpg", "processing", started_at=now, lease_owner="studio:1", lease_until=now + timedelta(hours=1))
later = now + timedelta(hours=1)  # alive as long as this test takes
WorkerBeat.objects.create(name="studio:1", kind="worker", started_at=now, seen_at=later)
WorkerBeat.objects.create(name="studio:2", kind="scheduler", started_at=now, seen_at=later)
answer = 1
"""


@pytest.fixture(scope="module")
def running(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, demo: tuple[Path, Path]
) -> Iterator[tuple[Site, str]]:
    """A site with jobs in every state and two builds, its web server, and no worker: nothing moves by itself."""
    site = Site(tmp_path_factory.mktemp("workplace") / "site")
    site.json("import_people", str(demo[0]))
    site.json("build_index")
    site.json("build_index")
    site.ask(ROWS)
    with site.web() as address:
        LOGIN["kim"] = signed_in(browser, address, "kim").context.storage_state()
        keep(site)
        yield site, address


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    width, height = SIZES[request.param]
    return {"width": width, "height": height}


@pytest.fixture(autouse=True)
def closed(browser: Browser) -> Iterator[None]:
    before = list(browser.contexts)
    yield
    for context in browser.contexts:
        if context not in before:
            context.close()


def opened(running: tuple[Site, str], browser: Browser, path: str, **context: Any) -> Page:
    start_afresh(running[0])
    page = browser.new_context(base_url=running[1], storage_state=LOGIN["kim"], **context).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    page.goto(path)
    return page


def works(site: Site) -> dict[str, int]:
    with closing(database(site)) as now:
        return dict(now.execute("SELECT work, count(*) FROM gallery_photo GROUP BY work").fetchall())


def take_back(page: Page, what: str) -> None:
    page.goto("/history/")
    page.get_by_role("button", name=re.compile(f"Undo: {what}")).first.click()
    expect(page.get_by_text("undone by kim").first).to_be_visible()


BEFORE = {"queued": 3, "failed": 3, "done": 3, "cancelled": 1, "processing": 1}


@pytest.mark.parametrize(
    ("button", "after", "undo"),
    [
        ("Set all aside: Photos", {"queued": 0, "cancelled": 4}, "set 3 waiting jobs aside"),
        ("Queue them again: Photos", {"queued": 4, "cancelled": 0}, "queued 1 job again"),
        ("Set aside: waiting-1.jpg", {"queued": 2, "cancelled": 2}, "set 1 waiting job aside"),
        ("Try all again: Photos", {"queued": 6, "failed": 0}, ""),
        ("Try again: broken-1.jpg", {"queued": 4, "failed": 2}, ""),
        ("Try everything again", {"queued": 6, "failed": 0}, ""),
    ],
)
def test_each_button_does_what_it_says_and_is_taken_back(
    running: tuple[Site, str], browser: Browser, button: str, after: dict[str, int], undo: str
) -> None:
    site, _ = running
    page = opened(running, browser, "/jobs/")
    assert works(site) == BEFORE
    page.get_by_role("button", name=re.compile(button.replace(":", " ?:"))).click()
    expect(page.locator(".toast").first).to_be_visible()
    assert works(site) == {name: count for name, count in {**BEFORE, **after}.items() if count}
    if undo:
        take_back(page, undo)
        assert works(site) == BEFORE


def test_pausing_shows_at_once_and_is_taken_back(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    page = opened(running, browser, "/jobs/", viewport=size)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Processing is paused.")).to_be_visible()
    take_back(page, "paused the processing")
    page.goto("/jobs/")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_the_page_follows_the_work_by_itself_and_says_who_does_it(
    running: tuple[Site, str], browser: Browser
) -> None:
    site, _ = running
    page = opened(running, browser, "/jobs/")
    expect(page.get_by_role("row").filter(has_text="studio:1")).to_contain_text("busy.jpg")
    expect(page.locator(".sub")).to_contain_text("minute")
    with closing(database(site)) as now:
        now.execute("UPDATE gallery_photo SET work = 'done' WHERE work IN ('queued', 'processing')")
        now.commit()
    expect(page.get_by_text("Nothing is waiting.")).to_be_visible()  # the head too, not only the table
    expect(page.locator("#jobs")).to_have_attribute("data-poll", "25")


@pytest.mark.parametrize(("wide", "theme", "language"), [("desktop", "light", "en"), ("phone", "dark", "vi")])
def test_the_pages_keep_nobody_out(
    running: tuple[Site, str], browser: Browser, wide: str, theme: str, language: str
) -> None:
    viewport = dict(zip(("width", "height"), SIZES[wide], strict=True))
    page = opened(running, browser, "/jobs/", viewport=viewport, color_scheme=theme, locale=language)
    for path in ("/jobs/", "/builds/", "/admin/gallery/reference/", "/admin/"):
        page.goto(path)
        check(page)


def test_a_build_is_asked_for_gone_back_from_and_verified_with_a_real_worker(
    running: tuple[Site, str], browser: Browser
) -> None:
    site, _ = running
    page = opened(running, browser, "/builds/")
    serving = page.get_by_role("row").filter(has_text="Serving").get_by_role("link")
    first = int(serving.inner_text().split()[-1])
    with site.worker():
        page.get_by_role("button", name="Build anew").click()
        expect(serving).to_contain_text(str(first + 1), timeout=60_000)
        page.get_by_role("button", name="Verify").click()
        expect(page.get_by_text("the index says of each what the database says")).to_be_visible(
            timeout=60_000
        )
        page.get_by_role("button", name="Go back to the build before").click()
        wait_until_serving(page, first)
        take_back(page, "went back to the index before")
        page.goto("/builds/")
        wait_until_serving(page, first + 1)


def wait_until_serving(page: Page, build: int) -> None:
    serving = page.get_by_role("row").filter(has_text="Serving").get_by_role("link")
    for _ in range(60):
        if serving.inner_text().split()[-1] == str(build):
            return
        page.wait_for_timeout(500)
        page.reload()
    pytest.fail(f"build {build} does not serve")


def test_a_waiting_build_is_stopped_and_asked_for_again_by_undo(
    running: tuple[Site, str], browser: Browser
) -> None:
    site, _ = running
    page = opened(running, browser, "/")
    site.ask("answer = Build.objects.create(embedder_id=Build.objects.first().embedder_id).pk")
    page.goto("/builds/")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Cancelled")).to_be_visible()
    take_back(page, "cancelled the building of an index")
