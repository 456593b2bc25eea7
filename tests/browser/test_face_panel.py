"""The states of the class FacePanel (static/js/face_panel.js), on a page of its own and with answers made up here."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import DESKTOP, Furnished

# Three faces; the list of what FacePanel did is in `window.said`.
SET_UP = """async () => {
  const box = (face) => `<a class="box" href="?face=${face}" data-face="${face}" data-panel-url="/panels/${face}">
    <rect x="${face * 100}" y="0" width="60" height="60"/></a>`;
  document.getElementById("main").innerHTML = `<div data-viewer data-state="/state">
    <svg id="boxes" class="boxes" width="600" height="100">${[1, 2, 3].map(box).join("")}</svg>
    <div id="panel" data-panel></div></div>`;
  const { FacePanel } = await import("/static/js/face_panel.js");
  window.facePanel = new FacePanel(document.querySelector("[data-viewer]"));
}"""
PANEL = """<section class="facepanel" data-chosen="{face}" tabindex="-1"><h2>Face {face}</h2>
  <form data-answer action="/acts/{face}"><button name="answer" value="right" data-key="y">Right</button>
  <input name="name" data-key="s" data-asks></form></section>"""
# ten more of a key that is held, none of them late
HELD = """() => {
  const key = { key: "ArrowRight", repeat: true, bubbles: true };
  for (let times = 0; times < 10; times++) document.activeElement.dispatchEvent(new KeyboardEvent("keydown", key));
}"""
# What comes with the answer to an act, whatever becomes of the panel
MARKED = '<p id="marked" hx-swap-oob="beforeend:#main">The boxes have changed</p>'


class Answers:
    """The site as the panel sees it: each request waits here until a test answers it."""

    def __init__(self, page: Page) -> None:
        self.page, self.asked, self.waiting = page, [], {}  # type: ignore[var-annotated]
        page.route(re.compile(r"/(panels|acts)/\d$"), self._keep)
        page.route(re.compile(r"/state$"), lambda route: route.fulfill(body=""))

    def _keep(self, route: Route) -> None:
        path = route.request.url.split("/", 3)[3]
        self.asked.append(path)
        self.waiting[path] = route

    def come(self, path: str) -> None:
        """Wait until this has been asked for."""
        for _ in range(200):
            if path in self.waiting:
                return
            self.page.wait_for_timeout(20)
        pytest.fail(f"{path} has not been asked for, but {self.asked}")

    def panel(self, path: str, face: int, more: str = "") -> None:
        self.come(path)
        self.waiting.pop(path).fulfill(body=PANEL.format(face=face) + more, content_type="text/html")

    def fail(self, path: str) -> None:
        self.come(path)
        self.waiting.pop(path).fulfill(status=500, body="")


@pytest.fixture
def page(browser: Browser, furnished: Furnished) -> Page:
    context = furnished.as_role(browser, "curator", viewport=DESKTOP, reduced_motion="reduce")
    page = context.new_page()
    page.goto("/trash/")
    page.evaluate(SET_UP)
    return page


@pytest.fixture
def answers(page: Page) -> Answers:
    return Answers(page)


def state(page: Page) -> str:
    found: str = page.evaluate("facePanel.state")
    return found


def wait_for_state(page: Page, name: str) -> None:
    page.wait_for_function("(name) => facePanel.state === name", arg=name)


def shown(page: Page, answers: Answers, face: int) -> None:
    """A face's panel is there and has the focus."""
    page.evaluate(
        "(face) => void facePanel.choose(document.querySelector(`a.box[data-face='${face}']`))", str(face)
    )
    answers.panel(f"panels/{face}", face)
    expect(page.get_by_role("heading", name=f"Face {face}")).to_be_visible()
    assert state(page) == "idle"


def marked(page: Page) -> str | None:
    expect(page.locator("a.box.is-chosen")).to_have_count(1)
    return page.locator("a.box.is-chosen").get_attribute("data-face")


def test_a_face_is_loaded_while_the_panel_cannot_be_used(page: Page, answers: Answers) -> None:
    assert state(page) == "idle"
    page.keyboard.press("ArrowRight")
    answers.come("panels/1")
    assert state(page) == "loading"
    assert marked(page) == "1"
    expect(page.locator("#panel[inert]")).to_have_count(1)
    answers.panel("panels/1", 1)
    expect(page.locator(".facepanel")).to_be_focused()
    assert state(page) == "idle"
    expect(page.locator("#panel[inert]")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?face=1$"))


def test_the_panel_that_is_no_longer_wanted_is_aborted(page: Page, answers: Answers) -> None:
    page.keyboard.press("ArrowRight")
    answers.come("panels/1")
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/panels/1")):
        page.keyboard.press("ArrowRight")
    answers.panel("panels/2", 2)
    expect(page.get_by_role("heading", name="Face 2")).to_be_visible()
    assert marked(page) == "2"
    expect(page.locator(".toast")).to_have_count(0)  # nothing has failed


def test_of_the_faces_a_held_arrow_key_passes_only_the_last_is_fetched(page: Page, answers: Answers) -> None:
    shown(page, answers, 1)
    page.keyboard.down("ArrowRight")
    answers.come("panels/2")
    page.evaluate(HELD)
    page.keyboard.up("ArrowRight")
    answers.panel("panels/3", 3)
    expect(page.get_by_role("heading", name="Face 3")).to_be_visible()
    assert answers.asked == ["panels/1", "panels/2", "panels/3"]  # the second is the first that it came to


def test_a_key_waits_for_the_face_it_was_meant_for(page: Page, answers: Answers) -> None:
    page.keyboard.press("ArrowRight")
    answers.come("panels/1")
    page.keyboard.press("y")
    answers.panel("panels/1", 1)
    answers.come("acts/1")
    assert state(page) == "acting"


def test_a_key_is_not_kept_for_the_face_chosen_after_it(page: Page, answers: Answers) -> None:
    page.keyboard.press("ArrowRight")
    answers.come("panels/1")
    page.keyboard.press("y")
    page.keyboard.press("ArrowRight")
    answers.panel("panels/2", 2)
    expect(page.get_by_role("heading", name="Face 2")).to_be_visible()
    assert state(page) == "idle"
    assert not [path for path in answers.asked if path.startswith("acts")]


def test_a_name_typed_while_loading_comes_into_the_field(page: Page, answers: Answers) -> None:
    page.keyboard.press("ArrowRight")
    answers.come("panels/1")
    page.keyboard.type("sAnna Y")
    answers.panel("panels/1", 1)
    expect(page.locator("input[name=name]")).to_have_value("Anna Y")
    expect(page.locator("input[name=name]")).to_be_focused()


def test_escape_ends_loading_and_closes_what_is_shown(page: Page, answers: Answers) -> None:
    shown(page, answers, 1)
    page.keyboard.press("ArrowRight")
    answers.come("panels/2")
    with page.expect_event("requestfailed"):
        page.keyboard.press("Escape")
    assert state(page) == "idle"
    expect(page.locator(".facepanel")).to_have_count(0)
    expect(page.locator("a.box.is-chosen")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("face="))
    expect(page.locator("a.box[data-face='2']")).to_be_focused()
    page.wait_for_timeout(300)
    assert state(page) == "idle"  # nor does the focus show the face again


def test_a_panel_that_cannot_be_had_leaves_the_one_that_is_shown(page: Page, answers: Answers) -> None:
    shown(page, answers, 1)
    page.keyboard.press("ArrowRight")
    answers.come("panels/2")
    page.keyboard.press("y")
    answers.fail("panels/2")
    expect(page.locator(".toast.error")).to_have_text(re.compile("That did not work."))
    assert state(page) == "idle"
    assert marked(page) == "1"
    expect(page).to_have_url(re.compile(r"\?face=1$"))
    assert "acts/1" not in answers.asked  # it was meant for the other face


def test_an_act_is_answered_by_the_next_face_and_takes_no_key_meanwhile(page: Page, answers: Answers) -> None:
    shown(page, answers, 1)
    page.keyboard.press("y")
    answers.come("acts/1")
    assert state(page) == "acting"
    page.keyboard.press("y")
    page.keyboard.press("s")
    answers.panel("acts/1", 2, MARKED)
    expect(page.get_by_role("heading", name="Face 2")).to_be_visible()
    expect(page.get_by_text("The boxes have changed")).to_be_visible()
    expect(page.locator(".facepanel")).to_be_focused()
    assert state(page) == "idle"
    assert answers.asked.count("acts/1") == 1
    assert marked(page) == "2"


def test_the_answer_to_an_act_does_not_take_the_panel_of_a_face_chosen_since(
    page: Page, answers: Answers
) -> None:
    shown(page, answers, 1)
    page.keyboard.press("y")
    answers.come("acts/1")
    page.keyboard.press("ArrowRight")
    assert state(page) == "loading"
    answers.panel("panels/2", 2)
    expect(page.get_by_role("heading", name="Face 2")).to_be_visible()
    answers.panel("acts/1", 3, MARKED)
    expect(page.get_by_text("The boxes have changed")).to_be_visible()
    expect(page.get_by_role("heading", name="Face 2")).to_be_visible()
    assert marked(page) == "2"
    page.keyboard.press("y")
    answers.come("acts/2")


def test_an_act_that_fails_can_be_tried_again(page: Page, answers: Answers) -> None:
    shown(page, answers, 1)
    page.keyboard.press("y")
    answers.fail("acts/1")
    expect(page.locator(".toast.error")).to_be_visible()
    wait_for_state(page, "idle")
    expect(page.get_by_role("heading", name="Face 1")).to_be_visible()
    page.keyboard.press("y")
    answers.panel("acts/1", 2)
    expect(page.get_by_role("heading", name="Face 2")).to_be_visible()


def test_a_box_drawn_during_an_act_is_shown_after_it(page: Page, answers: Answers) -> None:
    shown(page, answers, 1)
    page.keyboard.press("y")
    answers.come("acts/1")
    page.evaluate("void facePanel.addDrawnFace('/acts/9', {left: 1})")
    answers.panel("acts/1", 2)
    expect(page.get_by_role("heading", name="Face 2")).to_be_visible()
    assert state(page) == "acting"  # the box is still on its way
    answers.panel("acts/9", 3)
    expect(page.get_by_role("heading", name="Face 3")).to_be_visible()
    expect(page.locator("input[name=name]")).to_be_focused()
    assert state(page) == "idle"


def test_pointing_at_a_face_follows_the_mouse_but_not_while_one_was_chosen(
    page: Page, answers: Answers
) -> None:
    page.locator("a.box[data-face='1'] rect").hover()
    answers.come("panels/1")
    page.locator("a.box[data-face='2'] rect").hover()
    answers.panel("panels/2", 2)
    expect(page.get_by_role("heading", name="Face 2")).to_be_visible()
    expect(page.locator(".facepanel")).not_to_be_focused()
    page.keyboard.press("ArrowRight")
    answers.come("panels/3")
    page.locator("a.box[data-face='1'] rect").hover()
    page.wait_for_timeout(400)
    answers.panel("panels/3", 3)
    expect(page.get_by_role("heading", name="Face 3")).to_be_visible()
    expect(page.locator(".facepanel")).to_be_focused()


def test_an_undo_fetches_the_panel_again_and_keeps_the_keys(page: Page, answers: Answers) -> None:
    page.keyboard.press("ArrowRight")
    answers.come("panels/1")
    page.keyboard.press("s")
    answers.waiting.pop("panels/1")
    page.evaluate("void document.body.dispatchEvent(new Event('undone'))")
    answers.panel("panels/1", 1)
    expect(page.get_by_role("heading", name="Face 1")).to_be_visible()
    expect(page.locator("input[name=name]")).to_be_focused()
    assert answers.asked.count("panels/1") == 2
