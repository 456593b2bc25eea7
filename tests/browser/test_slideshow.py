"""The photos of a list one after the other, over the whole screen."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browser.conftest import Furnished


def test_an_album_is_shown_as_a_slideshow_by_keys_and_buttons(browser: Browser, furnished: Furnished) -> None:
    page = furnished.as_role(browser, "viewer").new_page()
    page.clock.install()
    page.goto(furnished.pages["album"][0])
    count = page.locator(".tile").count()
    page.get_by_role("button", name="Slideshow").click()
    show = page.get_by_role("dialog", name="Slideshow")
    slides = show.locator(".slides li")
    expect(slides).to_have_count(count)
    expect(slides.nth(0)).to_be_visible()
    page.clock.run_for(5_100)
    expect(slides.nth(1)).to_be_visible()
    expect(slides.nth(0)).to_be_hidden()
    page.keyboard.press(" ")
    expect(show.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")
    page.clock.run_for(60_000)
    expect(slides.nth(1)).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(slides.nth(count - 1)).to_be_visible()
    names = slides.nth(count - 1).locator("p")
    expect(names).to_be_visible()
    page.keyboard.press("h")
    expect(names).to_be_hidden()
    show.get_by_role("button", name="Close").click()
    expect(show).to_be_hidden()


def test_the_slideshow_waits_where_less_motion_is_wished_and_is_not_offered_without_scripts(
    browser: Browser, furnished: Furnished
) -> None:
    page = furnished.as_role(browser, "viewer", reduced_motion="reduce").new_page()
    page.clock.install()
    page.goto(furnished.pages["album"][0])
    page.get_by_role("button", name="Slideshow").click()
    slides = page.locator(".slides li")
    expect(slides.nth(0)).to_be_visible()
    page.clock.run_for(60_000)
    expect(slides.nth(0)).to_be_visible()
    plain = furnished.as_role(browser, "viewer", java_script_enabled=False).new_page()
    plain.goto(furnished.pages["album"][0])
    expect(plain.get_by_role("button", name="Slideshow")).to_be_hidden()
    plain.get_by_role("link", name="Timeline").click()
    plain.get_by_role("link", name="July").click()
    expect(plain.locator(".tile").first).to_be_visible()
