"""All photos with a face: from a photo and from a picture that is not kept, and what is done to the faces found."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from socketserver import StreamRequestHandler, UnixStreamServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from gallery.core.lookups import SEARCH_SOCKET_NAME
from tests.browser.conftest import DESKTOP, PHONE, Furnished
from tests.browser.test_accessibility import RULES, axe, make, problems, wide
from tests.browser.test_policy import LISTEN, complaints_of
from tests.browser.test_who_page import ANSWER as WHO
from tests.browser.test_who_page import PICTURE, answer_with

__all__ = ["axe"]
GROUP = """
group = Face.objects.filter(photo__name__startswith="group-").order_by("pk")
group.update(embedder_id="test-000000000000", embedding=bytes(512))
answer = list(group.values_list("pk", "photo"))
"""


@dataclass(frozen=True)
class Asked:
    """An unknown face, its photo, and the faces that are found to be like it."""

    face: int
    photo: int
    others: list[int]


@pytest.fixture(scope="module")
def asked(furnished: Furnished) -> Iterator[Asked]:
    """A stand-in for the worker, which is not there, finds the others of a group, whatever is asked."""
    (face, photo), *others = furnished.site.ask(GROUP)
    found = [
        {"face": pk, "similarity": 0.9 - number / 10, "certainty": certainty, "meaning": "Rarely so alike"}
        for number, ((pk, _photo), certainty) in enumerate(
            zip(others, ("known", "unsure", "alike"), strict=True)
        )
    ]
    answer = json.dumps({"faces": found, "next": None}).encode()

    class Worker(StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"200 application/json\n" + answer)

    folder = os.open(furnished.site.folder, os.O_RDONLY)  # whose own path may be too long for a socket
    with UnixStreamServer(f"/proc/self/fd/{folder}/{SEARCH_SOCKET_NAME}", Worker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Asked(face, photo, [pk for pk, _photo in others])
        server.shutdown()
    (furnished.site.folder / SEARCH_SOCKET_NAME).unlink()
    os.close(folder)


@pytest.fixture
def page(browser: Browser, furnished: Furnished) -> Iterator[Page]:
    """A contributor's."""
    shown = furnished.as_role(browser, "contributor", bypass_csp=False).new_page()
    shown.add_init_script(LISTEN)
    complaints = complaints_of(shown)
    yield shown
    assert complaints == []


def undo(page: Page, said: str) -> None:
    """Take back what the page has just said, so that other tests find the site as it was."""
    page.get_by_role("status").filter(has_text=said).get_by_role("button", name="Undo").click()
    expect(page.get_by_text(said)).to_have_count(0)


def test_the_faces_found_are_accessible_and_fit_every_screen(
    browser: Browser, furnished: Furnished, asked: Asked, axe: str
) -> None:
    for language, size, theme in (("vi", {**PHONE, "height": 2400}, "dark"), ("en", DESKTOP, "light")):
        page = furnished.as_role(browser, "contributor", locale=language, bypass_csp=True).new_page()
        make(page, (size, theme))
        page.goto(f"/faces/{asked.face}/alike")
        expect(page.locator(".facebox")).to_have_count(3)
        page.add_script_tag(url=axe)
        assert [*problems(page, RULES), *wide(page)] == [], language


def test_a_face_of_a_picture_that_is_not_kept_leads_to_all_photos_with_it(
    page: Page, furnished: Furnished, asked: Asked
) -> None:
    page.route("**/who/", answer_with(furnished.site.ask(WHO.format(language="en"))))
    page.goto("/who/")
    page.locator("input[name=file]").last.set_input_files(PICTURE)  # type: ignore[arg-type]  # a plain dictionary
    token: Any = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    page.locator("#face-1 [name=csrfmiddlewaretoken]").evaluate(
        "(one, token) => { one.value = token }", token
    )
    page.locator("#face-1").get_by_role("button", name="All photos with this face").click()
    expect(page.locator(".facebox")).to_have_count(3)


def test_faces_found_from_a_photo_go_into_an_album_by_enter_are_named_and_told_apart(
    page: Page, furnished: Furnished, asked: Asked
) -> None:
    page.goto(f"/photos/{asked.photo}/?face={asked.face}")
    page.get_by_role("link", name="All photos with this face").click()
    page.get_by_role("checkbox").first.check()
    page.locator("summary", has_text="Album").click()
    page.get_by_label("Add to album").fill("By Enter")
    page.get_by_label("Add to album").press("Enter")
    expect(page.get_by_role("status").filter(has_text="By Enter")).to_be_visible()
    assert furnished.site.ask("answer = Album.objects.get(name='By Enter').photos.count()") == 1
    undo(page, "By Enter")
    page.goto(f"/faces/{asked.face}/alike")
    page.get_by_role("checkbox").first.check()
    page.get_by_label("Name", exact=True).fill("Found By Face")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_role("status").filter(has_text="Found By Face")).to_be_visible()
    assert furnished.site.ask("answer = Face.objects.filter(person__name='Found By Face').count()") == 1
    undo(page, "Found By Face")
    page.goto(f"/faces/{asked.face}/alike")
    page.get_by_role("checkbox").last.check()
    page.get_by_role("button", name="Not the same person").click()
    expect(page.get_by_role("status").filter(has_text="said that 1 unknown face")).to_be_visible()
    clusters = f"answer = [Face.objects.get(pk=pk).cluster for pk in ({asked.face}, {asked.others[-1]})]"
    assert furnished.site.ask(clusters) == [asked.face, asked.others[-1]]
    undo(page, "said that 1 unknown face")
    assert furnished.site.ask(clusters) == [asked.face, asked.face]
