"""Curating in the admin, in a browser: each act is looked at, done, and undone in place; on a phone as well."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Visits
from tests.browser.place import Place

MAKE = """
from django.core.files.storage import default_storage
from gallery.models.storage import write_file
import io, uuid
from PIL import Image
answer = []
for name in ("Đỗ Thị Mẫu", "Do Thi Mau 2"):
    person = Person()
    person.set_name(name)
    person.save()
    for number in range(3):
        file = io.BytesIO()
        Image.new("RGB", (96, 96), (90 + 40 * number, 120, 140)).save(file, "JPEG")
        image = f"references/{uuid.uuid4().hex}.jpg"
        sha256 = write_file(image, file.getvalue())
        Reference.objects.create(person=person, image=image, sha256=sha256, status="pending", work="done")
    answer.append(person.pk)
"""
STATUSES = "answer = sorted(Reference.objects.filter(person={person}).values_list('status', flat=True))"
NAMES = "answer = sorted(Person.objects.filter(pk__in={people}).values_list('name', flat=True))"


@pytest.fixture(scope="module")
def people(gallery: Place) -> list[int]:
    """Two people with three references each, which wait to be judged."""
    found: list[int] = gallery.ask(MAKE)
    return found


def address(person: int) -> str:
    return f"/admin/gallery/person/{person}/change/"


def undo(page: Page) -> None:
    page.locator(".messagelist").get_by_role("button", name="Undo").click()
    expect(page.locator(".messagelist")).to_contain_text("Undone:")


def choose(page: Page, action: str, count: int) -> None:
    """Tick the first rows of a list and pick what is to be done to them."""
    for number in range(count):
        page.locator("input.action-select").nth(number).check()
    page.locator("select[name=action]").select_option(action)
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.locator(".lead")).to_contain_text("Nothing has been changed yet")


@pytest.fixture(params=(DESKTOP, PHONE), ids=("desktop", "phone"))
def desk(request: pytest.FixtureRequest, visits: Visits) -> Page:
    """A curator's page on both widths."""
    return visits.as_user("mai", request.param)


@pytest.mark.parametrize(("button", "status"), [("Approve", "approved"), ("Reject", "rejected")])
def test_references_are_judged_from_the_grid_and_it_is_undone_in_place(
    desk: Page, place: Place, people: list[int], button: str, status: str
) -> None:
    desk.goto(address(people[0]))
    for number in (1, 2):
        desk.get_by_role("checkbox", name=f"Reference {number}", exact=True).check()
    desk.get_by_role("button", name=button, exact=True).click()
    expect(desk.locator(".facts")).to_contain_text("2 references, of 1 person")
    desk.get_by_role("button", name=f"{button} references").click()
    expect(desk.locator(".messagelist")).to_contain_text(f"You {status} 2 references.")
    assert desk.url.endswith(address(people[0]))
    assert place.ask(STATUSES.format(person=people[0])).count(status) == 2
    undo(desk)
    assert place.ask(STATUSES.format(person=people[0])) == ["pending"] * 3


def test_references_are_moved_to_somebody_new_and_come_back(
    desk: Page, place: Place, people: list[int]
) -> None:
    desk.goto(f"/admin/gallery/reference/?person__id__exact={people[1]}")
    choose(desk, "move", 2)
    desk.get_by_label("Whose are they?").fill("Somebody New")
    desk.get_by_role("button", name="Move references").click()
    expect(desk.locator(".messagelist")).to_contain_text("You gave 2 references to “Somebody New”.")
    undo(desk)
    assert len(place.ask(STATUSES.format(person=people[1]))) == 3
    assert place.ask("answer = Person.objects.filter(name='Somebody New').count()") == 0


def test_references_are_deleted_from_the_list_and_come_back(
    desk: Page, place: Place, people: list[int]
) -> None:
    desk.goto(f"/admin/gallery/reference/?person__id__exact={people[1]}")
    choose(desk, "take_out", 3)
    desk.get_by_role("button", name="Reject references").click()
    expect(desk.locator(".messagelist")).to_contain_text("You rejected 3 references.")
    assert place.ask(STATUSES.format(person=people[1])) == ["rejected"] * 3
    undo(desk)
    assert place.ask(STATUSES.format(person=people[1])) == ["pending"] * 3


def test_people_are_found_without_accents_merged_and_come_back(
    desk: Page, place: Place, people: list[int]
) -> None:
    desk.goto("/admin/gallery/person/")
    desk.get_by_label("Search").fill("do thi mau")
    desk.get_by_role("button", name="Find").click()
    choose(desk, "merge", 2)
    desk.get_by_label("Do Thi Mau 2").check()
    desk.get_by_role("button", name="Merge people").click()
    expect(desk.locator(".messagelist")).to_contain_text("You merged 1 person into “Do Thi Mau 2”.")
    assert place.ask(NAMES.format(people=people)) == ["Do Thi Mau 2"]
    undo(desk)
    assert place.ask(NAMES.format(people=people)) == ["Do Thi Mau 2", "Đỗ Thị Mẫu"]


def test_people_are_hidden_and_shown_again(desk: Page, place: Place, people: list[int]) -> None:
    hidden = "answer = Person.objects.filter(is_hidden=True).count()"
    desk.goto("/admin/gallery/person/?q=do+thi+mau")
    choose(desk, "hide", 2)
    desk.get_by_role("button", name="Hide people").click()
    expect(desk.locator(".messagelist")).to_contain_text("You hid 2 people.")
    assert place.ask(hidden) == 2
    undo(desk)
    assert place.ask(hidden) == 0


def test_a_person_is_renamed_in_the_form_and_named_as_before(
    desk: Page, place: Place, people: list[int]
) -> None:
    desk.goto(address(people[0]))
    desk.get_by_role("textbox", name="Name:", exact=True).fill("Đỗ Thị Tên Mới")
    desk.get_by_role("button", name="Save and continue editing").click()
    expect(desk.locator(".messagelist")).to_contain_text("Đỗ Thị Tên Mới")
    assert place.ask(NAMES.format(people=people[:1])) == ["Đỗ Thị Tên Mới"]
    undo(desk)
    assert place.ask(NAMES.format(people=people[:1])) == ["Đỗ Thị Mẫu"]


def test_a_long_act_is_followed_stopped_resumed_and_undone_on_its_page(
    desk: Page, place: Place, people: list[int]
) -> None:
    """It waits for the worker, as if one were busy; the page shows what the database says."""
    pk = place.ask(LONG.format(person=people[0]))
    desk.goto(f"/admin/gallery/bulkact/{pk}/change/")
    expect(desk.get_by_role("status")).to_contain_text("It waits for the worker.")
    desk.get_by_role("button", name="Stop").click()
    expect(desk.get_by_role("status")).to_contain_text("It was stopped.")
    expect(desk.get_by_text("0 of 3")).to_be_visible()
    desk.get_by_role("button", name="Go on").click()
    expect(desk.get_by_text("3 of 3")).to_be_visible()  # the worker takes it up, the page asks
    assert place.ask(STATUSES.format(person=people[0])) == ["approved"] * 3
    desk.get_by_role("button", name="Undo").click()
    expect(desk.locator(".messagelist")).to_contain_text("Undone:")
    assert place.ask(STATUSES.format(person=people[0])) == ["pending"] * 3


LONG = """
from django.utils import timezone
from datetime import timedelta
from gallery.curation.bulk import create_bulk_draft
from gallery.history.changeset import record_event
user = User.objects.get(username="mai")
act = create_bulk_draft(user, "approve", Reference.objects.filter(person={person}).values_list("pk", flat=True))
act.event = record_event(user, "bulk.approve", act, {{"count": 0}}, undo={{"act": act.pk}})
act.confirmed_at, act.queued_at = timezone.now(), timezone.now() + timedelta(minutes=5)
act.save()
answer = act.pk
"""


def test_two_curators_at_one_person_do_not_overwrite_each_other(
    phone: Page, visits: Visits, place: Place, people: list[int]
) -> None:
    other = visits.as_user("mai")
    phone.goto(address(people[0]))
    other.goto(address(people[0]))
    phone.get_by_label("Note").fill("from the first")
    phone.get_by_role("button", name="Save and continue editing").click()
    expect(phone.locator(".messagelist")).to_contain_text("changed the note")
    other.get_by_role("textbox", name="Name:", exact=True).fill("Đỗ Thị Khác")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.locator(".errorlist")).to_contain_text("mai was here before you and changed the note")
    expect(other.locator(".errorlist")).to_contain_text("Note: it was “” and is now “from the first”.")
    expect(other.get_by_role("textbox", name="Name:", exact=True)).to_have_value("Đỗ Thị Khác")
    expect(other.get_by_label("Note")).to_have_value("from the first")
    other.get_by_role("button", name="Save", exact=True).click()
    undo(other)
    undo(phone)
    assert place.ask(NAMES.format(people=people[:1])) == ["Đỗ Thị Mẫu"]


def test_pictures_are_sent_for_a_person_its_face_shown_chosen_saved_and_undone(
    desk: Page, place: Place, people: list[int]
) -> None:
    desk.goto(address(people[0]))
    desk.locator("#pictures").set_input_files([place.photos / "portrait.jpg", place.photos / "small.jpg"])
    expect(desk).to_have_url(f"{place.address}/admin/gallery/person/{people[0]}/pictures/")
    portrait = desk.get_by_role("group", name="portrait.jpg")
    expect(portrait.get_by_text("This face was found.")).to_be_visible()
    expect(portrait.get_by_label("Face 1")).to_be_checked()
    several = desk.get_by_role("group", name="small.jpg")
    expect(several.get_by_label("Face 2")).to_be_visible()
    several.get_by_label("Leave it out").check()
    desk.get_by_role("button", name="Save as references").click()
    expect(desk.locator(".messagelist")).to_contain_text("You added 1 reference of")
    before = place.ask(STATUSES.format(person=people[0]))
    undo(desk)
    after = place.ask(STATUSES.format(person=people[0]))
    assert (after.count("rejected"), after.count("approved")) == (
        before.count("rejected") + 1,
        before.count("approved") - 1,
    )


def test_a_missed_face_is_drawn_by_keyboard(desk: Page, place: Place, people: list[int]) -> None:
    page = desk
    page.goto(f"/admin/gallery/person/{people[0]}/pictures/")
    page.locator("#pictures").set_input_files(place.photos / "portrait.jpg")
    card = page.get_by_role("group", name="portrait.jpg")
    card.get_by_role("button", name="Draw the face").click()
    expect(card.get_by_text("Drag over the face")).to_be_visible()
    for key in ["ArrowUp"] * 4 + ["Shift+ArrowRight"] * 8 + ["Shift+ArrowDown"] * 8 + ["ArrowLeft"] * 4:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(card.get_by_text("The worker is looking for faces…")).to_be_visible()
    expect(card.get_by_label("Leave it out")).to_be_visible()
    card.get_by_label("Leave it out").check()
    page.get_by_role("button", name="Save as references").click()
    expect(page).to_have_url(f"{place.address}{address(people[0])}")


def test_a_csv_file_is_looked_at_taken_in_and_undone(desk: Page, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("\ufeffname;note\nMột Người Mới;từ tệp\nDo Thi Mau;\n", "utf-8")
    desk.goto("/admin/gallery/person/import/")
    desk.get_by_label("CSV file").set_input_files(file)
    desk.get_by_role("button", name="Look at it").click()
    expect(desk.locator(".facts").first).to_contain_text("1 new person: Một Người Mới")
    expect(desk.get_by_label("Line 3: Do Thi Mau")).to_be_visible()
    desk.get_by_role("button", name="Import people").click()
    expect(desk.locator(".messagelist")).to_contain_text("You took 1 person in from a CSV file.")
    undo(desk)
    assert place.ask("answer = Person.objects.filter(name='Một Người Mới').count()") == 0


def test_people_go_out_as_csv_and_a_zip_of_pictures_comes_in(
    desk: Page, place: Place, people: list[int], tmp_path: Path
) -> None:
    desk.goto("/admin/gallery/person/")
    with desk.expect_download() as sent:
        desk.locator("a[href*='export.csv']").click()
    assert "Đỗ Thị Mẫu" in sent.value.path().read_text("utf-8-sig")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.write(place.photos / "portrait.jpg", "inner/portrait.jpg")
    desk.goto(address(people[1]))
    desk.locator("#pictures").set_input_files(tmp_path / "pictures.zip")
    card = desk.get_by_role("group", name="portrait.jpg")
    expect(card.get_by_label("Face 1")).to_be_checked()
    desk.get_by_role("button", name="Save as references").click()
    expect(desk.locator(".messagelist")).to_contain_text("You added 1 reference of")
    undo(desk)
    assert place.ask(STATUSES.format(person=people[1])).count("pending") == 3


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_somebody_is_invited_the_invitation_taken_back_and_a_role_changed(
    visits: Visits, place: Place, size: dict[str, int]
) -> None:
    boss = visits.as_user("boss", size)
    boss.goto("/admin/gallery/invitation/add/")
    boss.locator("[name=email]").fill("guest@example.org")
    boss.locator("[name=role]").select_option("viewer")
    boss.get_by_role("button", name="Save", exact=True).click()
    expect(boss.locator(".messagelist")).to_contain_text("/account/invitation/")
    pk = place.ask("answer = Invitation.objects.get(email='guest@example.org').pk")
    boss.goto(f"/admin/gallery/invitation/{pk}/delete/")
    boss.get_by_role("button", name="Yes, I’m sure").click()
    expect(boss.locator(".messagelist")).to_contain_text("guest@example.org")
    assert place.ask("answer = Invitation.objects.filter(email='guest@example.org').count()") == 0
    role = "answer = User.objects.get(username='vy').role"
    pk = place.ask("answer = User.objects.get(username='vy').pk")
    for name in ("contributor", "viewer"):
        boss.goto(f"/admin/gallery/user/{pk}/change/")
        boss.locator("[name=role]").select_option(name)
        boss.get_by_role("button", name="Save", exact=True).click()
        expect(boss.locator(".messagelist")).to_be_visible()
        assert place.ask(role) == name
