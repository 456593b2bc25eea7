"""What fails is said on the page, to scripts and for downloads, and nothing of it becomes a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.browser.place import Place

TRASH = """
from django.utils import timezone
answer = Photo.objects.filter(name="montage.jpg").update(trashed_at={when})
"""


@pytest.fixture
def trash(place: Place) -> Iterator[str]:
    """What puts the photo into the trash, as somebody else would meanwhile; it comes back at the end."""
    yield TRASH.format(when="timezone.now()")
    place.ask(TRASH.format(when=None))


def test_a_photo_that_somebody_has_put_into_the_trash_meanwhile(
    page: Page, visits: Visits, place: Place, montage: str, trash: str
) -> None:
    page.goto(montage)
    page.locator("summary", has_text="Download").click()
    with page.expect_download() as kept:
        page.get_by_role("link", name="Original file").click()
    assert kept.value.suggested_filename == "montage.jpg"
    place.ask(trash)
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".toast.error")).to_contain_text("“montage.jpg” is in the trash")
    files: list[object] = []
    page.on("download", lambda file: files.append(file))
    page.locator("summary", has_text="Download").click()
    page.get_by_role("link", name="Original file").click()
    expect(page.get_by_text("“montage.jpg” is in the trash")).to_be_visible()
    expect(page.get_by_role("link", name="Back")).to_have_attribute("href", f"{place.address}{montage}")
    assert not files
    visits.complaints.clear()  # the browser's own, of the requests that failed
