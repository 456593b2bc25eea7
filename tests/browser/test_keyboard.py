"""Everything is reached by the Tab key, is seen to have the focus, and lets go of it again."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESKTOP, Furnished

MAIN = (
    *("home", "photos", "photo", "people", "person", "albums", "album", "album_new", "upload", "review"),
    *("unknown", "unknown_group", "search", "history", "trash", "person_split", "person_new"),
)
MOST = 220  # presses of Tab on one page
# What Tab should come to, in words that say which it is; radio buttons of a group count once
SAID = """(one) => {
  const words = one.getAttribute("aria-label") || one.textContent || one.name || "";
  return `${one.localName} ${words.trim().slice(0, 40)}`;
}"""
EXPECTED = (
    f"""() => {{
  const said = {SAID};"""
    + """
  const wanted = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  window.number = new Map();
  const groups = new Set();
  return [...document.querySelectorAll(wanted)].filter((one) => {
    if (one.disabled || one.tabIndex < 0 || one.closest("[inert]")) return false;
    if (one.type === "radio" && groups.size === groups.add(one.name).size) return false;
    return one.checkVisibility({visibilityProperty: true}) && one.getClientRects().length > 0;
  }).map((one, place) => {
    one.dataset.tabTest = place;
    return said(one);
  });
}"""
)
# Where the focus is: which of them; whether it shows; whether something lies over it
HERE = (
    f"""() => {{
  const said = {SAID};"""
    + """
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return null;
  const shows = (part) => {
    const style = getComputedStyle(part);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow.includes("inset")
      || (part.matches(".halo") && parseFloat(style.strokeWidth) > 6);
  };
  const parts = [one, one.closest("label"), one.parentElement, one.nextElementSibling, one.querySelector(".halo")];
  const box = one.getBoundingClientRect();
  const shown = one.matches(".visually-hidden") ? one.closest("label").getBoundingClientRect() : box;
  const over = document.elementFromPoint(shown.x + shown.width / 2, shown.y + shown.height / 2);
  return {
    place: one.dataset.tabTest ?? "",
    said: said(one),
    isSeen: parts.some((part) => part && shows(part)),
    isCovered: !over || !(one.contains(over) || over.contains(one) || over.closest("label")?.contains(one)),
  };
}"""
)

# Some pages give a field the focus at once
FROM_THE_START = """() => {
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
}"""


@pytest.fixture
def page(browser: Browser, furnished: Furnished) -> Page:
    """A curator's page."""
    context = furnished.as_role(
        browser,
        "curator",
        viewport=DESKTOP,
        reduced_motion="reduce",
    )
    return context.new_page()


@pytest.mark.parametrize("name", MAIN)
def test_tab_comes_to_everything_and_the_focus_is_seen(page: Page, furnished: Furnished, name: str) -> None:
    page.goto(furnished.pages[name][0])
    page.evaluate(FROM_THE_START)
    expected = page.evaluate(EXPECTED)
    assert len(expected) > 10
    met: set[str] = set()
    for _press in range(MOST):
        page.keyboard.press("Tab")
        page.wait_for_function(
            "() => !document.querySelector('[data-panel][inert]')"
        )  # a face's panel is coming
        here = page.evaluate(HERE)
        if here is None or here["place"] in met:
            if here is None or here["place"] == "0":
                break
            continue
        met.add(here["place"])
        assert here["isSeen"], f"nobody sees that {here['said']!r} has the focus"
        assert not here["isCovered"], f"{here['said']!r} has the focus behind something else"
    else:
        pytest.fail(f"Tab never leaves the page; last on {here}")
    missed = [said for place, said in enumerate(expected) if str(place) not in met]
    assert not missed, f"Tab does not come to {missed}"


def test_the_first_tab_offers_to_skip_to_the_content(page: Page) -> None:
    page.goto("/photos/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_face_that_is_tabbed_to_or_pointed_at_shows_all_about_it(page: Page, furnished: Furnished) -> None:
    page.goto(furnished.pages["photo"][0])
    box = page.get_by_role("link", name="Face 2: Lan, recognised")
    page.get_by_role("link", name="Face 1").focus()
    page.keyboard.press("Tab")
    expect(box).to_be_focused()
    panel = page.locator(".facepanel")
    expect(panel.get_by_role("heading", name="Lan")).to_be_visible()
    expect(panel.get_by_text("Reference of Lan")).to_be_visible()
    expect(panel.get_by_text("similarity 0.968")).to_be_visible()
    expect(panel.get_by_role("button", name="Trần Văn Minh")).to_be_visible()  # the next candidate
    for name in ("Right", "Wrong", "Unknown", "Not a face", "Don't care", "Save"):
        expect(panel.get_by_role("button", name=name, exact=False).first).to_be_visible()
    expect(box).to_be_focused()  # what is pressed next is meant for this face, and Tab goes on to the next
    page.keyboard.press("Enter")
    expect(panel).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(box).to_be_focused()

    page.mouse.move(5, 5)
    page.goto(furnished.pages["photo"][0])
    unsure = page.get_by_role("link", name="not sure").first
    unsure.hover()
    expect(panel.get_by_role("heading", name="Trần Văn Minh?")).to_be_visible()
    page.keyboard.press("s")
    page.keyboard.type("Somebody")
    box.hover()
    page.wait_for_timeout(600)
    expect(panel.get_by_role("heading", name="Trần Văn Minh?")).to_be_visible()  # nobody types into thin air


def test_menus_and_dialogs_open_and_close_by_keyboard(page: Page, furnished: Furnished) -> None:
    page.goto(furnished.pages["person"][0])
    account = page.get_by_label("Your account")
    account.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(account).to_be_focused()
    page.get_by_role("link", name="Merge").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("combobox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Merge")).to_be_focused()
