"""Names on a photo are readable whatever lies behind them, and a face's state is told by more than its colour."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Furnished

TAGS = """() => [...document.querySelectorAll(".nametag")].map((tag) => {
  const style = getComputedStyle(tag.querySelector("span"));
  return [style.color, style.backgroundColor];
})"""
STATES = """() => Object.fromEntries([...document.querySelectorAll("a.box")].map((box) => {
  const style = getComputedStyle(box.querySelector(".line"));
  const tag = document.querySelector(`[data-name="${box.dataset.face}"]`);
  return [box.classList[1], [style.strokeDasharray, tag.querySelector("use").getAttribute("href"), box.ariaLabel]];
}))"""


def colour(text: str) -> list[float]:
    red, green, blue, *rest = (float(number) for number in re.findall(r"[\d.]+", text))
    return [red, green, blue, rest[0] if rest else 1.0]


def luminance(rgb: list[float]) -> float:
    parts = [part / 255 for part in rgb[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(words: list[float], ground: list[float], behind: float) -> float:
    """Of words on a ground that lets something of what is behind it through."""
    mixed = [ground[3] * part + (1 - ground[3]) * behind for part in ground[:3]]
    light, dark = sorted((luminance(words), luminance(mixed)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_names_are_readable_on_white_and_on_black(browser: Browser, furnished: Furnished, theme: str) -> None:
    page = furnished.as_role(browser, "viewer", color_scheme=theme).new_page()
    page.goto(furnished.more["a face, known"])
    tags = page.evaluate(TAGS)
    assert len(tags) == 5
    for words, ground in tags:
        for behind in (0, 128, 255):
            assert contrast(colour(words), colour(ground), behind) >= 7


def test_states_differ_in_line_sign_or_words_not_in_colour_alone(
    browser: Browser, furnished: Furnished
) -> None:
    page = furnished.as_role(browser, "viewer").new_page()
    page.goto(furnished.pages["photo"][0])
    states = page.evaluate(STATES)
    assert set(states) == {"confirmed", "known", "unsure", "unknown", "rejected"}
    told = {(line, sign, label.partition(": ")[2]) for line, sign, label in states.values()}
    assert len(told) == len(states)
    assert len({(line, sign) for line, sign, _ in states.values()}) >= 4
