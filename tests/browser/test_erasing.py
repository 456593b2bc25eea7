"""Erasing for good, as an administrator sees it: asked, typed, done, and a receipt."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Visits
from tests.browser.place import Place

MAKE = """
from gallery.people.services import create_person
from gallery.people.references import add_reference
person = create_person(None, {name!r})
add_reference(None, person, open({picture!r}, "rb").read() + {name!r}.encode())  # a file of their own
answer = person.pk
"""


def made(place: Place, name: str) -> int:
    pk: int = place.ask(MAKE.format(name=name, picture=str(place.photos / "portrait.jpg")))
    return pk


def erased(page: Page, pk: int, name: str) -> None:
    """Through the pages, a wrong name first."""
    page.goto(f"/people/{pk}/")
    page.locator('.personhead summary[aria-label="More for this person"]').click()
    page.get_by_role("link", name="Erase for good").click()
    expect(page.get_by_text("This can never be undone.")).to_be_visible()
    expect(page.get_by_role("main").get_by_text(re.compile("backup", re.I)).first).to_be_visible()
    typed = page.get_by_label(f"Type {name} to say that you mean it")
    typed.fill("Somebody else")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("That is not the name. Nothing was erased.")).to_be_visible()
    typed.fill(name)
    page.get_by_role("button", name="Erase for good").click()
    expect(page).to_have_url(re.compile(r"/erasures/[0-9a-f-]{36}/"))
    expect(page.get_by_text("Complete since", exact=False)).to_be_visible(timeout=60_000)
    assert name not in page.content()


def test_a_person_is_erased_and_the_receipt_names_nobody(
    visits: Visits, place: Place, gallery: Place
) -> None:
    pk = made(place, "Trần Văn Thử")
    page = visits.as_user("boss")
    erased(page, pk, "Trần Văn Thử")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    text = download.value.path().read_text()
    assert "references" in text
    assert "Trần" not in text
    page.get_by_role("link", name="Manage").first.click()
    page.get_by_role("main").get_by_role("link", name="Erasures").click()
    expect(page.get_by_role("cell", name="Complete").first).to_be_visible()
    assert page.goto(f"/people/{pk}/").status == 404  # type: ignore[union-attr]  # it answers


def test_a_person_is_erased_on_a_phone_where_nothing_is_cut_off(
    visits: Visits, place: Place, gallery: Place
) -> None:
    page = visits.as_user("boss", PHONE)
    erased(page, made(place, "Phạm Thị Thử"), "Phạm Thị Thử")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_photo_is_erased_from_the_trash(visits: Visits, place: Place, gallery: Place) -> None:
    pk = place.ask(
        "from gallery.photos.services import add_photo, trash_photo\n"
        f"content = open({str(place.photos / 'portrait.jpg')!r}, 'rb').read() + b'away'\n"
        "photo = add_photo(None, [content], 'away.jpg').photo\n"
        "Photo.objects.filter(pk=photo.pk).update(name='away.jpg')\n"
        "trash_photo(User.objects.get(username='boss'), photo); answer = photo.pk"
    )
    page = visits.as_user("boss")
    page.goto("/trash/")
    page.get_by_role("link", name="Erase away.jpg for good").click()
    page.get_by_label("Type away.jpg").fill("away.jpg")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("Complete since", exact=False)).to_be_visible(timeout=60_000)
    assert place.ask(f"answer = Photo.objects.filter(pk={pk}).exists()") is False


def test_an_account_is_erased_from_the_admins_list(visits: Visits, place: Place) -> None:
    place.ask("User.objects.create_user('an_account', password='x'); answer = 1")
    page = visits.as_user("boss")
    page.goto("/admin/gallery/user/?q=an_account")
    page.get_by_role("row", name="an_account").get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option(label="Erase for good")
    page.get_by_role("button", name="Go").click()
    page.get_by_label("Type an_account").fill("an_account")
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("Complete since", exact=False)).to_be_visible(timeout=60_000)
    assert place.ask("answer = User.objects.filter(username='an_account').exists()") is False


def test_curators_are_offered_no_erasing(visits: Visits, place: Place, gallery: Place) -> None:
    page = visits.as_user("mai")
    page.goto("/people/")
    page.get_by_role("link", name="Joe Biden").first.click()
    page.locator('.personhead summary[aria-label="More for this person"]').click()
    expect(page.locator(".personhead").get_by_role("link", name="Split")).to_be_visible()
    expect(page.get_by_role("link", name="Erase for good")).to_have_count(0)


def test_a_name_that_was_erased_is_asked_about_in_the_place_of_the_page(
    visits: Visits, place: Place, gallery: Place, montage: str
) -> None:
    pk = made(place, "Lê Thị Thử")
    place.ask(
        "from gallery.privacy.erasure import erase_person\n"
        f"answer = erase_person(None, Person.objects.get(pk={pk})).pk"
    )
    page = visits.as_user("mai")
    page.goto(montage)
    page.get_by_role("link", name="Face 2").click()
    page.get_by_placeholder("Type a name").fill("Le Thi Thu")
    page.get_by_placeholder("Type a name").press("Enter")
    expect(page.get_by_role("heading", name="Is that meant?")).to_be_visible()
    tick = page.get_by_label("This is somebody else, or they have agreed to come back")
    expect(tick).to_be_focused()
    assert place.ask("answer = Person.objects.filter(search='le thi thu').count()") == 0
    page.get_by_role("button", name="Go on").click()  # refused by the browser: the tick is missing
    tick.check()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Is that meant?")).to_have_count(0)
    assert place.ask("answer = Person.objects.filter(search='le thi thu').count()") == 1
    page.goto("/history/")
    expect(page.get_by_text("a name that had been erased")).to_be_visible()
    place.ask(
        "from gallery.faces.decisions import decide_face\n"
        "user = User.objects.get(username='mai')\n"
        "for face in Face.objects.filter(person__search='le thi thu'): decide_face(user, face, '')\n"
        "answer = Person.objects.filter(search='le thi thu').delete()[0]"
    )
