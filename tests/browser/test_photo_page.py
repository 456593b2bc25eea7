"""A photo's page: boxes, the panel of a face, one key an act, drawing, downloads, album, trash."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import Visits
from tests.browser.place import Place

PANEL = re.compile(r"/faces/\d+/(\?|$)")


def held(page: Page, address: re.Pattern[str]) -> list[Route]:
    """The next request to such an address is kept from going on; it is in the list once it has come."""
    late: list[Route] = []
    page.route(address, lambda route: late.append(route), times=1)
    kept: list[Route] = []  # the page itself hears a moment later that its requests are to be kept
    page.route("**/healthz", lambda route: (kept.append(route), route.continue_()))
    while not kept:
        page.evaluate("() => fetch('/healthz').then(() => null)")
    page.unroute("**/healthz")
    return late


def await_held(page: Page, late: list[Route]) -> None:
    for _ in range(900):
        if late:
            return
        page.wait_for_timeout(50)
    pytest.fail("the request has not come")


def test_every_face_has_a_box_that_follows_the_photo(page: Page, montage: str) -> None:
    page.goto(montage)
    boxes = page.locator("a.box")
    expect(page.locator(".faceline")).to_have_count(boxes.count())
    assert boxes.count() >= 2
    shares = []
    for width, height in ((1280, 800), (700, 900), (390, 700)):
        page.set_viewport_size({"width": width, "height": height})
        picture, box = shape(page.locator("img.picture")), shape(boxes.first.locator(".line"))
        shares.append(
            [(box[0] - picture[0]) / picture[2], (box[1] - picture[1]) / picture[3], box[2] / picture[2]]
        )
    for share in shares[1:]:
        assert share == pytest.approx(shares[0], abs=0.01)


def test_a_photo_has_its_room_before_its_picture_is_there(page: Page, visits: Visits, montage: str) -> None:
    """Without it the boxes would lie across the whole page, above its buttons."""
    page.goto(montage)
    measured = "(one) => { const r = one.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] }"
    with_picture = page.locator("svg.boxes").evaluate(measured)
    page.route("**/pictures/photo/**", lambda route: route.abort())
    page.reload()
    assert page.locator("img.picture").evaluate("(one) => one.naturalWidth") == 0
    assert page.locator("svg.boxes").evaluate(measured) == with_picture
    visits.complaints.clear()  # the browser's own, of the picture that did not come


def shape(locator: Locator) -> tuple[float, float, float, float]:
    locator.evaluate("async (one) => { if (one.decode) await one.decode() }")
    found = locator.evaluate(
        "(one) => { const r = one.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] }"
    )
    return tuple(found)


def test_faces_are_read_out_with_their_names_and_states(page: Page, montage: str) -> None:
    page.goto(montage)
    expect(page.get_by_role("link", name="Face 1: Barack Obama, recognised")).to_be_visible()
    expect(page.get_by_role("link", name="Face 2: Unknown")).to_be_visible()


def test_the_panel_leads_with_the_meaning_and_shows_the_reference(page: Page, montage: str) -> None:
    page.goto(montage)
    page.get_by_role("link", name="Face 1").focus()
    page.keyboard.press("Enter")
    panel = page.locator(".facepanel")
    expect(panel.get_by_role("heading", name="Barack Obama")).to_be_visible()
    expect(panel.get_by_text("Reference of Barack Obama")).to_be_visible()
    text = panel.locator(".alike").inner_text()
    assert re.match(r"(Alike enough|1 in|Fewer than)", text)
    assert re.search(r"similarity 0\.\d{3}", text)
    expect(panel).to_be_focused()
    expect(page).to_have_url(re.compile(r"\?face=\d+$"))


def test_one_key_an_act_and_each_can_be_undone(page: Page, montage: str) -> None:
    page.goto(montage)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Barack Obama")).to_be_visible()
    page.keyboard.press("y")
    expect(page.get_by_text("This is Barack Obama.")).to_be_visible()
    expect(page.locator(".nametag.confirmed")).to_have_text("Barack Obama")
    expect(page.get_by_role("heading", name="Who is this?")).to_be_visible()  # the next open face
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".nametag.confirmed")).to_have_count(0)

    page.goto(montage)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".facepanel")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".facepanel")).to_have_count(0)
    before = page.locator("a.box").count()
    page.keyboard.press("ArrowLeft")  # from the right
    expect(page.locator(".facepanel")).to_be_visible()
    page.keyboard.press("x")
    expect(page.get_by_text("Not a face; the box is gone.")).to_be_visible()
    expect(page.locator("a.box")).to_have_count(before - 1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("a.box")).to_have_count(before)


def test_what_is_taken_back_is_not_lost_behind_panels_that_are_slow(page: Page, montage: str) -> None:
    page.goto(montage)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Barack Obama")).to_be_visible()
    page.keyboard.press("y")
    expect(page.locator(".nametag.confirmed")).to_have_count(1)
    late = held(page, PANEL)
    page.keyboard.press("ArrowRight")
    await_held(page, late)
    with page.expect_response(re.compile(r"/undo$")) as answer:
        page.get_by_role("button", name="Undo").click()
        page.keyboard.press("ArrowRight")
    assert answer.value.ok
    expect(page.locator(".toast", has_text="This is Barack Obama.")).to_have_count(0)
    late[0].continue_()
    expect(page.locator(".nametag.confirmed")).to_have_count(0)


def test_what_could_not_be_taken_back_can_be_tried_again(page: Page, visits: Visits, montage: str) -> None:
    page.goto(montage)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Barack Obama")).to_be_visible()
    page.keyboard.press("y")
    undo = page.locator(".toast", has_text="This is Barack Obama.").get_by_role("button", name="Undo")
    page.route(re.compile(r"/undo$"), lambda route: route.abort(), times=1)
    undo.click()
    expect(page.get_by_text("That did not work.")).to_be_visible()
    expect(page.locator(".nametag.confirmed")).to_have_count(1)
    undo.click()
    expect(undo).to_have_count(0)
    expect(page.locator(".nametag.confirmed")).to_have_count(0)
    visits.complaints.clear()  # the browser's own, of the request that failed


def test_a_key_is_never_taken_for_another_face_than_the_one_arrived_at(page: Page, montage: str) -> None:
    page.goto(montage)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Barack Obama")).to_be_visible()
    late = held(page, PANEL)
    page.keyboard.press("ArrowRight")
    await_held(page, late)
    with page.expect_response(PANEL, timeout=10_000):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("y")  # for a stranger, whom there is nothing to be confirmed of
    expect(page.get_by_role("heading", name="Who is this?")).to_be_visible()
    expect(page.locator("a.box.is-chosen")).to_have_attribute("data-face", re.compile(r"\d"))
    assert page.locator("a.box.is-chosen").get_attribute("data-face") == page.locator(
        "#panel [data-chosen]"
    ).get_attribute("data-chosen")
    expect(page.locator(".nametag.confirmed")).to_have_count(0)


def test_an_answer_that_is_late_takes_nothing_from_the_face_chosen_since(page: Page, montage: str) -> None:
    page.goto(montage)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Barack Obama")).to_be_visible()
    late = held(page, re.compile(r"/say$"))
    page.keyboard.press("y")
    await_held(page, late)
    page.keyboard.press("x")  # too early for the face that comes next, and not for this one
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Who is this?")).to_be_visible()
    page.keyboard.press("s")
    page.keyboard.type("Nx")
    late[0].continue_()
    expect(page.locator(".nametag.confirmed")).to_have_count(1)  # the boxes follow
    field = page.get_by_placeholder("Type a name")
    expect(field).to_be_focused()
    expect(field).to_have_value("Nx")
    page.keyboard.press("Escape")
    page.keyboard.press("i")  # an act on this face is not dropped either
    expect(page.locator(".toast").last).to_contain_text("left alone")
    page.locator(".toast").last.get_by_role("button", name="Undo").click()
    page.locator(".toast", has_text="Barack Obama").get_by_role("button", name="Undo").click()
    expect(page.locator(".nametag.confirmed")).to_have_count(0)


def test_wrong_unknown_and_left_alone_stay_said(page: Page, montage: str) -> None:
    page.goto(montage)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Barack Obama")).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_text("Not Barack Obama")).to_be_visible()
    expect(page.get_by_text("Said to be not: Barack Obama")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Said to be not: Barack Obama")).to_have_count(0)
    for key, words, shown in (("u", "stays without a name", "Unknown"), ("i", "left alone", "Left alone")):
        page.goto(montage)
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".facepanel")).to_be_visible()
        page.keyboard.press(key)
        expect(page.locator(".toast")).to_contain_text(words)
        page.reload()
        expect(page.locator(".facelist").get_by_text(shown).first).to_be_visible()
        page.locator(".faceline").last.click()
        expect(page.get_by_role("button", name="Take back")).to_be_visible()
        page.keyboard.press("z")
        expect(page.locator(".toast")).to_contain_text("Taken back")


def test_someone_else_is_found_by_the_first_letters(page: Page, montage: str) -> None:
    page.goto(montage)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".facepanel")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Who is this?")).to_be_visible()
    page.keyboard.press("s")
    page.keyboard.type("bid")
    expect(page.get_by_role("option", name="Joe Biden")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is Joe Biden.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".nametag", has_text="Joe Biden")).to_have_count(0)


def test_a_name_typed_before_the_panel_is_there_is_not_lost(page: Page, montage: str) -> None:
    page.goto(montage)
    late = held(page, PANEL)
    page.keyboard.press("ArrowRight")
    await_held(page, late)
    page.keyboard.type("sBid")  # S leads to the field, the rest is the name and no keys
    late[0].continue_()
    expect(page.get_by_placeholder("Type a name")).to_have_value("Bid")
    expect(page.get_by_role("option", name="Joe Biden")).to_be_visible()


def at_first(phone: Page, montage: str) -> None:
    """The photo as it was: Obama recognised by the worker, who searches again after what is taken back."""
    for _ in range(90):
        phone.goto(montage)
        if phone.get_by_role("link", name="Face 1: Barack Obama, recognised").count():
            return
        phone.wait_for_timeout(500)
    pytest.fail("the name has not come back")


def test_each_act_is_touched_on_a_phone_and_taken_back(phone: Page, montage: str) -> None:
    panel, toast = phone.locator(".facepanel"), phone.locator(".toast").first
    for name, said in (
        ("Right", "This is Barack Obama."),
        ("Wrong", "Not Barack Obama"),
        ("Unknown", "stays without a name"),
        ("Not a face", "Not a face; the box is gone."),
        ("Don't care", "left alone"),
        ("", "This is Joe Biden."),
    ):
        at_first(phone, montage)
        phone.get_by_role("link", name="Face 1: Barack Obama, recognised").tap()
        expect(panel.get_by_role("heading", name="Barack Obama")).to_be_visible()
        if name:
            panel.get_by_role("button", name=name, exact=False).first.tap()
        else:
            panel.get_by_placeholder("Type a name").fill("bid")
            panel.get_by_role("option", name="Joe Biden").tap()
        expect(toast).to_contain_text(said)
        toast.get_by_role("button", name="Undo").tap()
        expect(phone.locator(".toast", has_text=said)).to_have_count(0)
    at_first(phone, montage)


REFERENCES = "answer = Reference.objects.filter(person__name='Barack Obama', status='approved').count()"
# Else a face that is confirmed and good enough is one at once.
BY_HAND = (
    "answer = str(SiteSetting.objects.update_or_create(pk={name!r}, defaults=dict(value={value}))[0].pk)"
)


@pytest.fixture
def by_hand(place: Place) -> Iterator[None]:
    """Faces become references only where somebody says so."""
    name = "confirmed_faces_become_references"
    place.ask(BY_HAND.format(name=name, value=False))
    yield
    place.ask(BY_HAND.format(name=name, value=True))


@pytest.mark.parametrize("wide", ["desktop", "phone"])
def test_a_face_becomes_a_reference_and_stops_being_one(
    wide: str, page: Page, phone: Page, place: Place, montage: str, by_hand: None
) -> None:
    here = phone if wide == "phone" else page
    at_first(here, montage)
    before = place.ask(REFERENCES)
    panel, toast = here.locator(".facepanel"), here.locator(".toast").first
    here.get_by_role("link", name="Face 1: Barack Obama, recognised").click()
    panel.get_by_role("button", name="Right", exact=False).first.click()
    expect(toast).to_contain_text("This is Barack Obama.")
    here.goto(montage)
    here.get_by_role("link", name="Face 1: Barack Obama").click()
    button = panel.get_by_role("button", name="Use as reference")
    expect(button).to_be_visible()
    if wide == "phone":
        button.tap()
    else:
        here.keyboard.press("r")
    expect(toast).to_contain_text("The face is a reference from now on.")
    expect(panel.get_by_text("This face is a reference.")).to_be_visible()
    expect(button).to_have_count(0)
    assert place.ask(REFERENCES) == before + 1
    toast.get_by_role("button", name="Undo").click()
    expect(here.locator(".toast", has_text="from now on")).to_have_count(0)
    assert place.ask(REFERENCES) == before
    here.goto(montage)
    here.get_by_role("link", name="Face 1: Barack Obama").click()
    panel.get_by_role("button", name="Take back").click()
    expect(toast).to_contain_text("Taken back")
    at_first(here, montage)


def test_a_missed_face_is_drawn_on_a_phone_and_named_nobody(phone: Page, montage: str) -> None:
    phone.goto(montage)
    before = phone.locator("a.box").count()
    phone.get_by_role("button", name="Draw a missed face").tap()
    left, top, width, height = shape(phone.locator("img.picture"))
    phone.mouse.move(left + 0.3 * width, top + 0.1 * height)
    phone.mouse.down()
    phone.mouse.move(left + 0.4 * width, top + 0.3 * height, steps=4)
    phone.mouse.up()
    expect(phone.locator("a.box")).to_have_count(before + 1)
    phone.locator("#panel:not([inert]) .facepanel").get_by_role("button", name="Not a face").tap()
    expect(phone.locator("a.box")).to_have_count(before)


def test_names_are_fetched_and_the_photo_trashed_and_restored_on_a_phone(phone: Page, montage: str) -> None:
    phone.goto(montage)
    phone.get_by_text("Download", exact=True).tap()
    with phone.expect_download() as download:
        phone.get_by_role("link", name="JSON", exact=True).tap()
    assert json.loads(download.value.path().read_text())["faces"]
    phone.goto(montage)
    phone.get_by_label("More", exact=True).tap()
    phone.get_by_role("button", name="Move to trash").tap()
    expect(phone.get_by_text("You put “montage.jpg” into the trash.")).to_be_visible()
    phone.goto("/trash/")
    phone.get_by_role("button", name="Restore montage.jpg").tap()
    expect(phone.get_by_text("montage.jpg is back.")).to_be_visible()


def test_letters_do_nothing_where_they_are_switched_off(page: Page, montage: str) -> None:
    page.goto(montage)
    page.get_by_label("One-letter keys").uncheck()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Barack Obama")).to_be_visible()
    page.keyboard.press("y")
    page.wait_for_timeout(300)
    expect(page.locator(".nametag.confirmed")).to_have_count(0)


def test_a_missed_face_is_drawn_with_the_mouse_and_with_the_keyboard(page: Page, montage: str) -> None:
    page.goto(montage)
    before = page.locator("a.box").count()
    left, top, width, height = shape(page.locator("img.picture"))
    page.keyboard.press("b")
    page.mouse.move(left + 0.05 * width, top + 0.7 * height)
    page.mouse.down()
    page.mouse.move(left + 0.15 * width, top + 0.9 * height, steps=4)
    page.mouse.up()
    expect(page.locator("a.box")).to_have_count(before + 1)
    expect(page.get_by_placeholder("Type a name")).to_be_focused()
    page.keyboard.type("Somebody Missed")
    page.keyboard.press("Enter")
    expect(page.locator(".nametag.confirmed", has_text="Somebody Missed")).to_be_visible()

    page.goto(montage)
    page.get_by_role("button", name="Draw a missed face").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("a.box")).to_have_count(before + 2)
    page.wait_for_timeout(300)
    page.keyboard.press("Escape")  # out of the name
    page.keyboard.press("x")
    expect(page.locator("a.box")).to_have_count(before + 1)


def test_the_names_go_with_the_photo_in_four_forms(page: Page, montage: str, tmp_path: Path) -> None:
    page.goto(montage)
    got = {}
    for words in ("Photo with boxes and names", "Copy with names inside (XMP)", "JSON", "CSV"):
        page.get_by_text("Download", exact=True).click()
        with page.expect_download() as download:
            page.get_by_role("link", name=words, exact=True).click()
        got[words] = tmp_path / download.value.suggested_filename
        download.value.save_as(got[words])
        page.goto(montage)
    names = [face["name"] for face in json.loads(got["JSON"].read_text())["faces"]]
    assert "Barack Obama" in names
    assert "Barack Obama" in got["CSV"].read_text()
    assert Image.open(got["Photo with boxes and names"]).format == "JPEG"
    assert b"mwg-rs" in got["Copy with names inside (XMP)"].read_bytes()


def test_on_a_phone_the_panel_is_a_sheet_and_all_is_large_enough_to_touch(phone: Page, montage: str) -> None:
    phone.goto(montage)
    phone.locator("a.box").first.tap()
    panel = phone.locator("#panel")
    expect(phone.locator(".facepanel")).to_be_visible()
    phone.wait_for_timeout(300)  # the sheet has risen
    left, top, width, height = shape(panel)
    assert (left, width) == (0, 390)
    assert top + height == pytest.approx(844, abs=1)
    for button in panel.get_by_role("button").all():
        assert shape(button)[3] >= 44
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_a_face_is_named_without_scripts(visits: Visits, montage: str) -> None:
    page = visits.as_user("nam", java_script_enabled=False)
    page.goto(montage)
    page.locator(".faceline").last.click()
    page.get_by_placeholder("Type a name").fill("Plain Form")
    page.get_by_placeholder("Type a name").press("Enter")
    expect(page.locator(".nametag", has_text="Plain Form")).to_be_visible()


def test_viewers_see_names_and_no_buttons(visits: Visits, montage: str) -> None:
    page = visits.as_user("vy")
    page.goto(montage)
    page.locator("a.box").first.click()
    expect(page.locator(".facepanel")).to_be_visible()
    expect(page.locator(".facepanel").get_by_role("button")).to_have_count(0)


def test_a_photo_goes_into_the_trash_and_comes_back(page: Page, montage: str, gallery: Place) -> None:
    page.goto("/photos/")
    page.goto(montage)
    page.get_by_label("More", exact=True).click()
    page.get_by_role("button", name="Move to trash").click()
    expect(page.get_by_text("You put “montage.jpg” into the trash.")).to_be_visible()
    page.goto("/trash/")
    page.get_by_role("button", name="Restore montage.jpg").click()
    expect(page.get_by_text("montage.jpg is back.")).to_be_visible()
    page.goto(montage)
    expect(page.get_by_role("heading", name="montage.jpg")).to_be_visible()
