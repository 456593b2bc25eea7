"""Uploading: many files, a folder, a ZIP; what became of each."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visits
from tests.browser.place import Place

ADDED = "[data-added] .tile"
PAUSED = (
    "from gallery.jobs.services import set_processing_paused\n"
    "set_processing_paused(User.objects.get(username='mai'), {paused})\nanswer = 1"
)


def upload(page: Page, *files: object) -> None:
    page.goto("/upload/")
    page.get_by_label("Choose photos").set_input_files([str(file) for file in files])
    expect(page.get_by_role("heading", name=re.compile("^Sent:"))).to_be_visible()


def test_each_file_is_taken_or_refused_with_its_reason(page: Page, place: Place) -> None:
    upload(page, place.photos / "small.jpg", place.photos / "notes.txt", place.photos / "empty.jpg")
    expect(page.locator(ADDED)).to_have_count(1)
    refused = page.locator(".filerow.refused")
    expect(refused).to_have_count(2)
    expect(refused.filter(has_text="notes.txt")).to_contain_text(re.compile("photo|image"))
    expect(page.locator("[data-others]")).to_have_text("Already here: 0. Not taken: 2.")


def test_a_photo_that_is_chosen_before_the_script_is_there_is_sent(page: Page, place: Place) -> None:
    held: list[Route] = []
    page.route(re.compile(r"/upload[.\w]*\.js$"), lambda route: held.append(route))
    page.goto("/upload/", wait_until="commit")
    page.get_by_label("Choose photos").set_input_files(place.photos / "small.jpg")
    for route in held:
        route.continue_()
    expect(page.get_by_role("heading", name=re.compile("^Sent:"))).to_be_visible()


def test_a_photo_that_cannot_be_looked_at_says_why_and_offers_another_try(page: Page, place: Place) -> None:
    upload(page, place.photos / "broken.png")
    tile = page.locator(f"{ADDED}.failed")
    expect(tile).to_contain_text("Failed")
    tile.get_by_role("link").click()
    expect(page.get_by_text("This photo could not be looked at.")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_the_same_file_again_is_shown_where_it_is(page: Page, place: Place) -> None:
    upload(page, place.photos / "wide.jpg")
    upload(page, place.photos / "wide.jpg")
    row = page.locator(".filerow.duplicate")
    expect(row).to_contain_text("Already here.")
    row.get_by_role("link", name="Show it").click()
    expect(page.get_by_role("heading", name="wide.jpg")).to_be_visible()


def test_a_zip_and_a_folder_go_into_a_new_album(page: Page, place: Place) -> None:
    page.goto("/upload/")
    page.get_by_label("or a new one").fill("Trip to Huế")
    page.get_by_label("Choose photos").set_input_files(place.photos / "photos.zip")
    expect(page.locator(ADDED)).to_have_count(2)
    page.get_by_label("Choose a folder").set_input_files(place.photos / "folder")
    expect(page.locator(ADDED)).to_have_count(4)
    page.goto("/albums/")
    page.get_by_role("link", name="Trip to Huế").click()
    expect(page.locator(".tile")).to_have_count(4)


@pytest.mark.parametrize("how", ["refused", "broken off"])
def test_nothing_is_sent_while_its_album_cannot_be_made(
    how: str, page: Page, place: Place, visits: Visits, tmp_path: Path
) -> None:
    """Else the photos would be in none, seen by all, and looked at."""
    name = f"{how}.jpg"
    Image.open(place.photos / "first.jpg").resize((430 + len(how), 231)).save(tmp_path / name)
    asked = f"answer = list(Photo.objects.filter(name={name!r}).values_list('albums__name', flat=True))"
    page.goto("/upload/")
    page.get_by_label("or a new one").fill(f"Not {how}")
    album = re.compile(r"/upload/album$")
    if how == "refused":
        page.route(album, lambda route: route.fulfill(status=503, json={"error": "Just now not."}), times=1)
        page.get_by_label("Choose photos").set_input_files(tmp_path / name)
        row = page.locator(".filerow.broken")
        expect(row).to_contain_text("Just now not.")
        assert place.ask(asked) == []
        row.get_by_role("button", name="Try again").click()
    else:
        page.route(album, lambda route: route.abort(), times=1)
        page.get_by_label("Choose photos").set_input_files(tmp_path / name)
        expect(page.locator("[data-waiting]")).to_contain_text("The connection is gone.")
        assert place.ask(asked) == []
    expect(page.locator(ADDED)).to_have_count(1)
    assert place.ask(asked) == [f"Not {how}"]
    visits.complaints.clear()  # the browser's own, of the request that failed


def test_photos_are_sent_from_a_phone(phone: Page, place: Place, tmp_path: Path) -> None:
    """A photo, a ZIP, one that is there already and one that is none, into a new album."""
    picture = Image.open(place.photos / "first.jpg")
    picture.resize((410, 220)).save(tmp_path / "phone.jpg")
    with zipfile.ZipFile(tmp_path / "phone.zip", "w") as archive:
        picture.resize((420, 226)).save(tmp_path / "inner.jpg")
        archive.write(tmp_path / "inner.jpg", "inner.jpg")
    phone.goto("/upload/")
    phone.get_by_label("or a new one").fill("From a phone")
    files = [tmp_path / "phone.jpg", tmp_path / "phone.zip", place.photos / "notes.txt"]
    phone.get_by_label("Choose photos").set_input_files(files)
    expect(phone.locator(ADDED)).to_have_count(2)
    expect(phone.locator(".filerow.refused")).to_contain_text("notes.txt")
    phone.get_by_label("Choose photos").set_input_files(tmp_path / "phone.jpg")
    expect(phone.locator(".filerow.duplicate")).to_contain_text("Already here.")
    expect(phone.locator(f"{ADDED}.busy")).to_have_count(0)
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_files_may_be_dropped_anywhere_on_the_page(page: Page, place: Place) -> None:
    page.goto("/upload/")
    content = (place.photos / "left.jpg").read_bytes()
    files = page.evaluate_handle(
        """(bytes) => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(bytes)], "dropped.jpg", {type: "image/jpeg"}));
          return files;
        }""",
        list(content),
    )
    page.dispatch_event("body", "drop", {"dataTransfer": files})
    expect(page.locator(ADDED)).to_have_count(1)


def test_a_folder_is_dropped_with_what_lies_in_it(page: Page, place: Place) -> None:
    """Through the browser's own drag and drop, with real files and folders."""
    folder = place.photos / "dragged"
    (folder / "inner").mkdir(parents=True)
    for number, part in enumerate((folder, folder / "inner")):
        picture = Image.open(place.photos / "first.jpg")
        picture.resize((400, 200 + number)).save(part / f"dragged-{number}.jpg")
    (folder / "notes.txt").write_text("not a photo")
    (folder / "Thumbs.db").write_bytes(b"clutter")
    page.goto("/upload/")
    target = page.locator("[data-drop]").bounding_box()
    assert target
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    place_at = {"x": target["x"] + 40, "y": target["y"] + 40}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver"):
        browser.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place_at})
    expect(page.locator("[data-drop].is-over")).to_be_visible()
    browser.send("Input.dispatchDragEvent", {"type": "drop", "data": data, **place_at})
    expect(page.locator("[data-drop].is-over")).to_have_count(0)
    expect(page.locator(ADDED)).to_have_count(2)
    expect(page.locator(".filerow.refused")).to_have_count(1)
    expect(page.locator(".filerow.refused")).to_contain_text("notes.txt")


def test_each_file_shows_how_far_it_is_and_leaving_is_asked_about(page: Page, place: Place) -> None:
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    page.goto("/upload/")
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 60_000}
    slow.send("Network.emulateNetworkConditions", conditions)
    Image.open(place.photos / "first.jpg").save(place.photos / "slow.jpg", quality=97)
    page.get_by_label("Choose photos").set_input_files(place.photos / "slow.jpg")
    bar = page.locator(".filerow progress")
    expect(page.locator(".filerow")).to_contain_text("slow.jpg")
    expect(page.get_by_role("heading", name="Sending: 0 of 1")).to_be_visible()
    page.wait_for_function("() => { const bar = document.querySelector('.filerow progress');"
                           " return bar && bar.value > 0 && bar.value < bar.max }")  # fmt: skip
    assert bar.count() == 1
    questions = []
    page.on("dialog", lambda dialog: (questions.append(dialog.type), dialog.dismiss()))
    page.close(run_before_unload=True)
    page.wait_for_timeout(500)
    assert questions == ["beforeunload"]
    slow.send("Network.emulateNetworkConditions", {**conditions, "uploadThroughput": -1})
    expect(page.locator(ADDED)).to_have_count(1)


def test_a_broken_connection_is_waited_for_in_one_line_and_large_files_go_on_where_they_stopped(
    page: Page, visits: Visits, place: Place, tmp_path: Path
) -> None:
    large = Image.effect_noise((2600, 2600), 90).convert("RGB")
    large.save(tmp_path / "large.jpg", quality=97)
    assert (tmp_path / "large.jpg").stat().st_size > 5_000_000
    for number in range(5):
        large.resize((400 + number, 300)).save(tmp_path / f"small {number}.jpg")
    page.goto("/upload/")
    parts: list[str] = []
    page.on("request", lambda request: parts.append(request.url) if "upload/part" in request.url else None)
    page.route("**/upload/file", lambda route: route.abort("connectionreset"))
    page.get_by_label("Choose photos").set_input_files(sorted(tmp_path.iterdir()))
    waiting = page.locator("[data-waiting]")
    expect(waiting).to_have_text(
        re.compile("The connection is gone. What was sent is safe. The rest goes on .+")
    )
    expect(page.locator(".filerow.broken")).to_have_count(0)
    page.unroute("**/upload/file")
    expect(page.locator(ADDED)).to_have_count(6, timeout=20_000)
    expect(waiting).to_be_hidden()
    expect(page.locator(".filerow")).to_have_count(0)
    assert 2 <= len(parts) <= 5  # none of them twice, and larger ones where they go quickly
    visits.complaints.clear()  # the browser's own, of the requests that were broken off


@pytest.mark.parametrize("how", ["before it is taken", "after it is taken"])
def test_where_the_hours_limit_is_reached_the_page_waits_and_goes_on_by_itself(
    how: str, page: Page, visits: Visits, place: Place, tmp_path: Path
) -> None:
    Image.open(place.photos / "first.jpg").resize((440 + len(how), 240)).save(tmp_path / "later.jpg")
    page.goto("/upload/")
    why = "That is all for this hour."
    if how == "before it is taken":
        answer = {"status": 429, "json": {"error": why}, "headers": {"Retry-After": "2"}}
    else:
        line = json.dumps({"kind": "refused", "name": "later.jpg", "sentence": why, "html": "", "wait": 2})
        answer = {"body": line + "\n", "content_type": "application/x-ndjson"}
    page.route("**/upload/file", lambda route: route.fulfill(**answer), times=1)
    page.get_by_label("Choose photos").set_input_files(tmp_path / "later.jpg")
    waiting = page.locator("[data-waiting]")
    expect(waiting).to_have_text(re.compile(f"{why} The rest goes on by itself at .+"))
    expect(page.locator(".filerow.broken")).to_have_count(0)
    expect(page.locator(ADDED)).to_have_count(1)
    expect(waiting).to_be_hidden()
    visits.complaints.clear()  # the browser's own, of the request that was refused


def test_whoever_was_signed_out_meanwhile_is_told_so(visits: Visits, place: Place) -> None:
    page = visits.as_user("nam")
    page.goto("/upload/")
    page.context.clear_cookies(name="sessionid")
    page.get_by_label("Choose photos").set_input_files(place.photos / "first.jpg")
    expect(page.locator(".filerow.broken")).to_be_visible()
    visits.complaints.clear()  # the browser's own, of the request that was broken off


def test_the_page_says_how_many_are_left_and_fills_in_whoever_leaves_it_meanwhile(
    page: Page, place: Place
) -> None:
    place.ask(PAUSED.format(paused=True))
    upload(page, place.photos / "mirrored.jpg")
    expect(page.locator(".progressline")).to_contain_text(re.compile(r"\d+ photos? left to look at"))
    expect(page.locator(".progressline")).to_contain_text(re.compile(r"a few seconds|about"))
    expect(page.locator(f"{ADDED}.busy")).to_have_count(1)
    page.goto("/")
    expect(page.locator(".tile.busy").first).to_be_visible()
    expect(page.locator(".progressline")).to_contain_text("You can leave this page")
    page.goto("/upload/")
    expect(page.get_by_role("heading", name="Still being looked at")).to_be_visible()
    expect(page.get_by_role("link", name="mirrored.jpg")).to_be_visible()
    place.ask(PAUSED.format(paused=False))
    expect(page.locator(".tile.busy")).to_have_count(0)
    expect(page.locator(".progressline")).to_have_count(0)


def test_uploading_works_without_scripts(visits: Visits, place: Place) -> None:
    page = visits.as_user("nam", java_script_enabled=False)
    page.goto("/upload/")
    page.locator("input[name=photos]").set_input_files(
        [place.photos / "notes.txt", place.photos / "wide.jpg"]
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.locator(".filerow.refused")).to_contain_text("notes.txt")
    expect(page.locator(".filerow.duplicate")).to_contain_text("wide.jpg")
