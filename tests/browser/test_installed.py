"""The site as an app: without a connection it says so, and what the system shares goes to the upload page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Furnished
from tests.browser.test_policy import complaints_of

READY = "navigator.serviceWorker.ready.then(() => true)"
SHARE = """async () => {
  const canvas = new OffscreenCanvas(64, 48);
  canvas.getContext("2d").fillRect(0, 0, 9, 9);
  const data = new DataTransfer();
  data.items.add(new File([await canvas.convertToBlob({ type: "image/jpeg" })], "từ điện thoại.jpg"));
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/upload/shared";
  form.enctype = "multipart/form-data";
  form.innerHTML = '<input type="file" name="photos">';
  form.firstChild.files = data.files;
  document.body.append(form);
  form.submit();
}"""


@pytest.fixture
def page(browser: Browser, furnished: Furnished) -> Iterator[Page]:
    """A contributor's, whose service worker is at work."""
    context = furnished.as_role(browser, "contributor", service_workers="allow")
    shown = context.new_page()
    shown.goto("/")
    assert shown.evaluate(READY)
    yield shown
    context.set_offline(False)


def test_without_a_connection_the_site_says_so_and_comes_back(page: Page) -> None:
    page.goto("/photos/")
    page.context.set_offline(True)
    page.goto("/photos/")
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("link", name="Photos").first).to_be_visible()


def test_what_the_system_shares_is_uploaded(page: Page) -> None:
    complaints = complaints_of(page)
    page.goto("/people/")
    page.evaluate(SHARE)
    expect(page).to_have_url("/upload/")
    expect(page.locator("[data-added] .tile")).to_have_count(1)
    page.reload()
    expect(page.locator("[data-added] .tile")).to_have_count(0)
    assert complaints == []


def test_what_was_shared_and_not_taken_does_not_stay_in_the_browser(page: Page) -> None:
    page.evaluate("caches.open('shared').then((cache) => cache.put('/upload/shared/0', new Response('x')))")
    page.goto("/people/")
    page.wait_for_function("caches.has('shared').then((is_there) => !is_there)")
