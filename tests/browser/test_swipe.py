"""On a phone a finger leads from photo to photo."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE, Furnished


def swipe(phone: Page, across: int, down: int = 0) -> None:
    """With one finger from the middle of the photo."""
    box = phone.locator("[data-frame]").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = phone.context.new_cdp_session(phone)
    for step in range(6):
        point = {"x": x + across * step / 5, "y": y + down * step / 5}
        kind = "touchMove" if step else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_swipe_leads_to_the_next_photo_and_back(browser: Browser, furnished: Furnished) -> None:
    phone = furnished.as_role(browser, "curator", viewport=PHONE, is_mobile=True, has_touch=True).new_page()
    phone.goto(furnished.pages["album"][0])
    phone.locator(".tile a").first.tap()
    phone.wait_for_load_state("networkidle")
    first = phone.url
    following = phone.get_by_label("Next photo").get_attribute("href")
    swipe(phone, 20)  # a tap of a moving hand
    swipe(phone, -90, 80)  # aslant
    phone.get_by_role("button", name="Draw a missed face").tap()
    swipe(phone, 100)
    expect(phone).to_have_url(first)
    phone.keyboard.press("Escape")
    phone.goto(first)
    phone.wait_for_load_state("networkidle")
    swipe(phone, -120)
    phone.wait_for_url(f"**{following}")
    phone.wait_for_load_state("networkidle")
    swipe(phone, 120)
    phone.wait_for_url(first)
