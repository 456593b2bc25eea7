"""The jobs page and the index's page in a browser: each action with its undo, on both widths and themes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SIZES
from tests.browser.curated import check, database, keep, signed_in, start_afresh
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SESSIONS: dict[str, str] = {}  # by name
ROWS = """
from datetime import timedelta
from django.utils import timezone
User.objects.create_user("kim", password="correct horse", role="curator")
now = timezone.now()
def photo(name, work, **columns):
    Photo.objects.create(name=name, search=name, file=name, sha256=name, width=800, height=600, work=work, **columns)
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
    SESSIONS["kim"] = site.make_session("kim")
    keep(site)
    with site.web() as address:
        yield site, address


def opened(running: tuple[Site, str], browser: Browser, path: str, **context: Any) -> Page:
    start_afresh(running[0])
    page = signed_in(browser, running[1], SESSIONS["kim"], **context)
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
        ("Try all again: Photos", {"queued": 6, "failed": 0}, "tried 3 failed jobs again"),
        ("Try again: broken-1.jpg", {"queued": 4, "failed": 2}, "tried 1 failed job again"),
        ("Try everything again", {"queued": 6, "failed": 0}, "tried 3 failed jobs again"),
    ],
)
def test_each_button_does_what_it_says_and_is_taken_back(
    running: tuple[Site, str],
    browser: Browser,
    size: dict[str, int],
    button: str,
    after: dict[str, int],
    undo: str,
) -> None:
    site, _ = running
    page = opened(running, browser, "/jobs/", viewport=size)
    assert works(site) == BEFORE
    page.get_by_role("button", name=re.compile(button.replace(":", " ?:"))).click()
    expect(page.locator(".toast").first).to_be_visible()
    assert works(site) == {name: count for name, count in {**BEFORE, **after}.items() if count}
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
    page = opened(running, browser, "/jobs/", viewport=SIZES[wide], color_scheme=theme, locale=language)
    for path in ("/jobs/", "/builds/", "/admin/gallery/reference/", "/admin/"):
        page.goto(path)
        check(page)


def test_a_build_is_asked_for_gone_back_from_and_verified_with_a_real_worker(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, _ = running
    page = opened(running, browser, "/builds/", viewport=size)
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
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, _ = running
    page = opened(running, browser, "/", viewport=size)
    site.ask("answer = Build.objects.create(embedder_id=Build.objects.first().embedder_id).pk")
    page.goto("/builds/")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Cancelled")).to_be_visible()
    take_back(page, "cancelled the building of an index")


ALBUM = "(SELECT MIN(album_id) FROM gallery_albumphoto WHERE photo_id = gallery_photo.id)"
PHOTOS = f"SELECT name, work, {ALBUM}, trashed_at IS NULL, is_recognised FROM gallery_photo ORDER BY id"  # noqa: S608  # no value of others
REFERENCES = "SELECT id, work, failure_code FROM gallery_reference ORDER BY id"


def rows(site: Site, query: str) -> list[Any]:
    with closing(database(site)) as now:
        return now.execute(query).fetchall()


def act_on_two(page: Page, path: str, action: str) -> None:
    """Tick two rows of a list and choose what is to be done; nothing is done by that."""
    page.goto(path)
    for number in range(2):
        page.locator("input.action-select").nth(number).check()
    page.locator("select[name=action]").select_option(action)
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator(".lead")).to_contain_text("Nothing has been changed yet")


def test_photos_and_references_are_acted_on_in_the_admin_and_all_is_taken_back(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, _ = running
    page = opened(running, browser, "/admin/", viewport=size)
    photos, references = "/admin/gallery/photo/?q=done", "/admin/gallery/reference/"
    for path, action, button, said in (
        (photos, "put", "Put photos into an album", "You put 2 photos into the album “Trip”."),
        (photos, "trash", "Put photos into the trash", "You put 2 photos into the trash."),
        (photos, "try_again", "Process photos again", "You had 2 photos looked at again."),
        (
            photos,
            "stop_recognising",
            "Stop recognising in photos",
            "You stopped recognising faces in 2 photos.",
        ),
        (references, "embed_again", "Embed references again", "You had 2 references embedded again."),
    ):
        query = REFERENCES if path == references else PHOTOS
        before = rows(site, query)
        act_on_two(page, path, action)
        check(page)
        if action == "put":
            page.get_by_label("Name of a new album").fill("Trip")
        page.get_by_role("button", name=button).click()
        expect(page.locator(".messagelist")).to_contain_text(said)
        assert rows(site, query) != before
        page.locator(".messagelist").get_by_role("button", name="Undo").click()
        expect(page.locator(".messagelist")).to_contain_text("Undone:")
        if action != "stop_recognising":  # which has the worker look at the photos again
            assert rows(site, query) == before


# Without what the worker is to do: photos whose recognition changes are looked at again either way.
STATES = f"SELECT name, {ALBUM}, trashed_at IS NULL, is_recognised FROM gallery_photo ORDER BY id"  # noqa: S608
PUT_AWAY = """
album, done = Album.objects.create(name="Trip"), Photo.objects.filter(name__startswith="done")
answer = {change}
"""


@pytest.mark.parametrize(
    ("change", "action", "button", "said"),
    [
        (
            "len([photo.albums.add(album) for photo in done])",
            "take_out",
            "Take photos out of their albums",
            "You took 2 photos out of their albums.",
        ),
        (
            "done.update(trashed_at=timezone.now())",
            "restore",
            "Take photos out of the trash",
            "You took 2 photos out of the trash.",
        ),
        (
            "done.update(is_recognised=False)",
            "recognise",
            "Recognise in photos again",
            "You let faces be recognised in 2 photos again.",
        ),
    ],
)
def test_what_was_done_to_photos_is_turned_back_in_the_admin_and_that_taken_back(
    running: tuple[Site, str],
    browser: Browser,
    size: dict[str, int],
    change: str,
    action: str,
    button: str,
    said: str,
) -> None:
    site, _ = running
    page = opened(running, browser, "/admin/", viewport=size)
    assert site.ask("from django.utils import timezone\n" + PUT_AWAY.format(change=change)) == 3
    before = rows(site, STATES)
    act_on_two(page, "/admin/gallery/photo/?q=done", action)
    check(page)
    page.get_by_role("button", name=button).click()
    expect(page.locator(".messagelist")).to_contain_text(said)
    assert rows(site, STATES) != before
    page.locator(".messagelist").get_by_role("button", name="Undo").click()
    expect(page.locator(".messagelist")).to_contain_text("Undone:")
    assert rows(site, STATES) == before


def test_two_curators_at_the_form_of_one_photo(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, _ = running
    page = opened(running, browser, "/admin/gallery/photo/?q=done-1", viewport=size)
    page.get_by_role("link", name="done-1.jpg").first.click()
    expect(page.get_by_label("Taken")).to_be_visible()
    page.wait_for_load_state("load")
    check(page)
    site.ask(
        "from gallery.photos.services import set_photo_recognition\nfrom django.utils import timezone\n"
        "photo = Photo.objects.get(name='done-1.jpg')\n"
        "hoa = User.objects.create_user('hoa', password='x', role='curator')\n"
        "answer = set_photo_recognition(hoa, photo, False).pk"
    )
    page.get_by_label("Taken").fill("2024-05-01T10:00:00")
    save = page.get_by_role("button", name="Save", exact=True)
    save.click()
    expect(page.locator(".errorlist").first).to_contain_text("hoa was here before you")
    expect(page.get_by_label("Taken")).to_have_value(re.compile("2024-05-01T10:00"))
    expect(page.get_by_label("Recognise faces")).not_to_be_checked()
    check(page)
    save.click()
    expect(page.locator(".messagelist")).to_contain_text("You said when “done-1.jpg” was taken.")
    page.locator(".messagelist").get_by_role("button", name="Undo").click()
    expect(page.locator(".messagelist")).to_contain_text("Undone:")
    assert site.ask("answer = Photo.objects.filter(taken_at__isnull=False).count()") == 0
