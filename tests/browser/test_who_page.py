"""A picture is chosen, dropped or pasted, and its faces come back in boxes, each with a card of its people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import DESKTOP, PHONE, Furnished
from tests.browser.test_accessibility import RULES, axe, make, problems, wide
from tests.browser.test_policy import LISTEN, complaints_of
from tests.making_pictures import jpeg

__all__ = ["axe"]
PICTURE = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg()}
# The page with what a worker would have found; none is there.
ANSWER = """
import base64, io, json
from django.test import Client
from PIL import Image
from gallery.core.lookups import FOUND, Found
file = io.BytesIO()
Image.new("RGB", (800, 600), (90, 120, 150)).save(file, "WEBP")
reference = Reference.objects.first()
person = {{"person": reference.person_id, "label": reference.person.name, "reference": reference.pk,
           "number": "0.701", "words": "Fewer than 1 in 100 strangers look this alike"}}
boxes = {{"known": [100, 100, 80, 100], "unsure": [300, 480, 80, 100], "unknown": [600, 100, 80, 100]}}
faces = [
    {{"box": box, "state": state, "is_usable": True, "vector": "AAAA", "candidates": [person, person]}}
    for state, box in boxes.items()
]
picture = base64.b64encode(file.getvalue()).decode()
found = {{"width": 800, "height": 600, "picture": picture, "has_gallery": True, "embedder": "x", "faces": faces}}
client = Client(SERVER_NAME="localhost", headers={{"Accept-Language": {language!r}}})
client.force_login(User.objects.get(username="a_contributor"))
answer = client.get("/who/", **{{FOUND: Found(200, b"", json.dumps(found).encode())}}).content.decode()
"""
PASTE = """(name) => {
  const data = new DataTransfer();
  data.items.add(new File(["x"], "a.png", { type: "image/png" }));
  const event = name === "paste" ? new ClipboardEvent(name, { clipboardData: data, bubbles: true })
    : new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


@pytest.fixture
def page(browser: Browser, furnished: Furnished) -> Iterator[Page]:
    """A contributor's, whose pictures are answered as if a worker were there."""
    context = furnished.as_role(browser, "contributor", bypass_csp=False)
    shown = context.new_page()
    shown.add_init_script(LISTEN)
    complaints = complaints_of(shown)
    shown.route("**/who/", answer_with(furnished.site.ask(ANSWER.format(language="en"))))
    shown.goto("/who/")
    yield shown
    assert complaints == []


def answer_with(body: str) -> Any:
    def answer(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(body=body, content_type="text/html")
        else:
            route.continue_()

    return answer


def test_what_is_chosen_dropped_or_pasted_is_looked_at_at_once(page: Page) -> None:
    found = page.get_by_role("heading", name="3 faces, 1 recognised")
    page.locator("input[name=file]").last.set_input_files(PICTURE)  # type: ignore[arg-type]  # a plain dictionary
    expect(found).to_be_visible()
    expect(page.locator("#found")).to_be_focused()
    expect(page.locator(".foundface")).to_have_count(3)
    page.get_by_role("link", name="Face 3: Unknown").click()
    expect(page.locator("#face-3")).to_be_in_viewport()
    for event in ("paste", "drop"):
        page.reload()
        expect(found).to_have_count(0)
        page.evaluate(PASTE, event)
        expect(found).to_be_visible()


def test_the_answer_is_accessible_and_fits_every_screen(
    browser: Browser, furnished: Furnished, axe: str
) -> None:
    for language, size, theme in (("vi", {**PHONE, "height": 2400}, "dark"), ("en", DESKTOP, "light")):
        page = furnished.as_role(browser, "contributor", locale=language, bypass_csp=True).new_page()
        page.route("**/who/", answer_with(furnished.site.ask(ANSWER.format(language=language))))
        make(page, (size, theme))
        page.goto("/who/")
        page.locator("input[name=file]").last.set_input_files(PICTURE)  # type: ignore[arg-type]  # as above
        expect(page.locator(".foundface")).to_have_count(3)
        page.add_script_tag(url=axe)
        assert [*problems(page, RULES), *wide(page)] == [], language


@pytest.mark.parametrize("has_scripts", [True, False])
def test_without_a_worker_the_page_says_so(browser: Browser, furnished: Furnished, has_scripts: bool) -> None:
    page = furnished.as_role(browser, "viewer", java_script_enabled=has_scripts).new_page()
    page.goto("/who/")
    page.locator("input[name=file]").last.set_input_files(PICTURE)  # type: ignore[arg-type]  # as above
    if not has_scripts:
        page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("alert")).to_contain_text("No worker looks at pictures at the moment.")
