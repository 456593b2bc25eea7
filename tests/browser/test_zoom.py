"""The photo is sized and moved on its page, and its boxes with it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PHONE, Furnished


def box_of(element: Locator) -> tuple[float, float, float, float]:
    box = element.bounding_box()
    assert box
    return box["x"], box["y"], box["width"], box["height"]


def share(page: Page) -> list[float]:
    """Where the first box lies on the picture."""
    picture, face = box_of(page.locator("img.picture")), box_of(page.locator("a.box .line").first)
    across, down = (face[0] - picture[0]) / picture[2], (face[1] - picture[1]) / picture[3]
    return [across, down, face[2] / picture[2]]


def test_boxes_follow_the_photo_by_wheel_hand_and_keys(browser: Browser, furnished: Furnished) -> None:
    page = furnished.as_role(browser, "curator").new_page()
    page.goto(furnished.pages["photo"][0])
    page.wait_for_load_state("networkidle")
    picture, percent = page.locator("img.picture"), page.locator("[data-percent]")
    fitted, before = box_of(picture), share(page)
    x, y = fitted[0] + fitted[2] * 0.5, fitted[1] + fitted[3] * 0.9
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    expect(percent).not_to_have_text("100 %")
    zoomed = box_of(picture)
    assert zoomed[2] > 2 * fitted[2]
    assert (x - zoomed[0]) / zoomed[2] == pytest.approx(0.5, abs=0.01)  # what is below the mouse stays there
    assert share(page) == pytest.approx(before, abs=0.01)
    page.mouse.down()
    page.mouse.move(x + 50, y - 30, steps=4)
    page.mouse.up()
    moved = box_of(picture)
    assert (moved[0] - zoomed[0], moved[1] - zoomed[1]) == pytest.approx((50, -30), abs=1)
    assert share(page) == pytest.approx(before, abs=0.01)
    expect(page.locator("#panel")).to_be_empty()  # no face was chosen by the hand that let go
    page.keyboard.press("Shift+ArrowRight")
    assert box_of(picture)[0] < moved[0] - 20
    page.keyboard.press("b")
    page.mouse.move(x - 40, y - 60)
    page.mouse.down()
    page.mouse.move(x + 40, y + 20, steps=3)
    with page.expect_request(re.compile("/draw$")) as sent:
        page.mouse.up()
    drawn = {
        name: float(values[0]) for name, values in parse_qs(sent.value.post_data).items() if name != "in"
    }
    now, pixels = box_of(picture), int(picture.get_attribute("width") or 0)
    assert drawn["left"] == pytest.approx((x - 40 - now[0]) / now[2] * pixels, abs=2)
    assert drawn["width"] == pytest.approx(80 / now[2] * pixels, abs=2)
    page.locator("h1").click()
    page.keyboard.press("0")
    expect(percent).to_have_text("100 %")
    assert box_of(picture) == pytest.approx(fitted, abs=1)


def test_fingers_size_the_photo_and_then_move_it_instead_of_leading_on(
    browser: Browser, furnished: Furnished
) -> None:
    phone = furnished.as_role(browser, "curator", viewport=PHONE, is_mobile=True, has_touch=True).new_page()
    phone.goto(furnished.pages["album"][0])
    phone.locator(".tile a").last.tap()
    phone.wait_for_load_state("networkidle")
    address, picture = phone.url, phone.locator("img.picture")
    fitted = box_of(picture)
    x, y = fitted[0] + fitted[2] / 2, fitted[1] + fitted[3] * 0.8
    touch = phone.context.new_cdp_session(phone)

    def move_fingers(*ways: tuple[tuple[float, float], tuple[float, float]]) -> None:
        """Each from one place to another, from the middle of the photo."""
        for step in range(6):
            points = [
                {"x": x + a + (c - a) * step / 5, "y": y + b + (d - b) * step / 5} for (a, b), (c, d) in ways
            ]
            kind = "touchMove" if step else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    move_fingers(((-20, 0), (-60, 0)), ((20, 0), (60, 0)))
    zoomed = box_of(picture)
    assert zoomed[2] == pytest.approx(3 * fitted[2], rel=0.05)
    assert phone.evaluate("visualViewport.scale") == 1
    move_fingers(((0, 0), (-100, 10)))
    assert box_of(picture)[0] == pytest.approx(zoomed[0] - 100, abs=2)
    expect(phone).to_have_url(address)
    for _tap in range(2):
        move_fingers(((-30, 0), (-30, 0)))
    expect(phone.locator("[data-percent]")).to_have_text("100 %")
