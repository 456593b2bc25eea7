"""The strict content policy holds in a real browser: no page of the site or the admin wants what it forbids."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.conftest import Furnished
from tests.browser.furnishing import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LISTEN = """document.addEventListener('securitypolicyviolation', event =>
  console.error(`POLICY ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"""


@pytest.fixture
def page(browser: Browser, furnished: Furnished) -> Iterator[Page]:
    context = browser.new_context(base_url=furnished.address, service_workers="block")
    shown = context.new_page()
    shown.add_init_script(LISTEN)
    yield shown
    context.close()


def sign_in(page: Page) -> None:
    page.goto("/account/login")
    page.fill("[name=username]", "a_administrator")
    page.fill("[name=password]", PASSWORD)
    page.locator("main button").first.click()
    page.wait_for_url("/")


def complaints_of(page: Page) -> list[str]:
    """What the browser says against a page; a missing icon for the tab is not one of our concerns here."""
    found: list[str] = []

    def heard(said: ConsoleMessage) -> None:
        if said.type == "error" and "404 (Not Found)" not in said.text:
            found.append(f"{page.url}: {said.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))
    return found


def test_no_page_of_the_site_wants_what_the_policy_forbids(page: Page, furnished: Furnished) -> None:
    complaints = complaints_of(page)
    sign_in(page)
    pages = [path for path, _role in furnished.pages.values() if not path.endswith("/alike")]  # asks a worker
    for path in [*pages, *furnished.more.values()]:
        page.goto(path)
    assert complaints == []


def test_the_page_that_describes_the_api_works_under_the_policy(page: Page) -> None:
    complaints = complaints_of(page)
    page.goto("/api/v1/docs")
    page.locator(".opblock-summary", has_text="Send a photo").click()
    page.get_by_text("and a contributor or more").first.wait_for()
    assert complaints == []


def test_the_admin_works_under_the_policy(page: Page) -> None:
    complaints = complaints_of(page)
    sign_in(page)
    page.goto("/admin/")
    lists = page.locator("#content-main th a").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    assert "/admin/gallery/user/" in lists
    for path in lists:
        page.goto(path)
        form = page.locator(".addlink[href$='/add/'], .object-tools .addlink").first
        if form.count():
            form.click()
            page.wait_for_load_state()
        page.goto(path)
        row = page.locator("#result_list tbody th a").first
        if row.count():
            row.click()
            page.wait_for_load_state()
    page.goto("/admin/gallery/user/")
    page.locator("#action-toggle").check()
    assert page.locator("tr.selected").count() >= 1  # the admin's own scripts run
    assert complaints == []


def test_what_the_policy_forbids_would_be_noticed(page: Page) -> None:
    complaints = complaints_of(page)
    page.goto("/account/login")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")
    page.wait_for_timeout(200)
    assert any("style" in complaint for complaint in complaints)
