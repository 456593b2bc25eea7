"""Uploading: many files, a folder, a ZIP; what became of each."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.browser.place import Place


def upload(page: Page, *files: object) -> None:
    page.goto("/upload/")
    page.get_by_label("Choose photos").set_input_files([str(file) for file in files])
    expect(page.get_by_role("heading", name=re.compile("^Sent"))).to_be_visible()


def test_each_file_is_taken_or_refused_with_its_reason(page: Page, place: Place) -> None:
    upload(page, place.photos / "small.jpg", place.photos / "notes.txt", place.photos / "empty.jpg")
    expect(page.locator(".tile")).to_have_count(1)
    refused = page.locator(".filerow.refused")
    expect(refused).to_have_count(2)
    expect(refused.filter(has_text="notes.txt")).to_contain_text(re.compile("photo|image"))
    expect(page.locator("[data-others]")).to_have_text("Already here: 0. Not taken: 2.")


def test_a_photo_that_cannot_be_looked_at_says_why_and_offers_another_try(page: Page, place: Place) -> None:
    upload(page, place.photos / "broken.jpg")
    tile = page.locator(".tile.failed")
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
    expect(page.locator(".tile")).to_have_count(2)
    page.get_by_label("Choose a folder").set_input_files(place.photos / "folder")
    expect(page.locator(".tile")).to_have_count(4)
    page.goto("/albums/")
    page.get_by_role("link", name="Trip to Huế").click()
    expect(page.locator(".tile")).to_have_count(4)


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
    expect(page.locator(".tile")).to_have_count(1)


def test_the_page_says_how_many_are_left_and_fills_in(page: Page, place: Place) -> None:
    upload(page, place.photos / "mirrored.jpg")
    expect(page.locator(".tile")).not_to_have_class(re.compile("busy"))
    expect(page.locator(".progressline")).to_have_count(0)


def test_uploading_works_without_scripts(visits: Visits, place: Place) -> None:
    page = visits.as_user("nam", java_script_enabled=False)
    page.goto("/upload/")
    page.locator("input[name=photos]").set_input_files(
        [place.photos / "notes.txt", place.photos / "first.jpg"]
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.locator(".filerow.refused")).to_contain_text("notes.txt")
    expect(page.locator(".filerow.duplicate")).to_contain_text("first.jpg")
