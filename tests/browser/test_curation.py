"""Review, unknown groups, merging and the history in a browser, on photos that a real worker has processed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance, ImageOps
from playwright.sync_api import Browser, expect

from tests.browser.curated import check, keep, signed_in, start_afresh
from tests.servers import wait_for
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETTLED = "answer = not Photo.objects.exclude(work='done').exists()"
GROUPED = (
    "from django.db.models import Count\n"
    "answer = list(Face.objects.filter(person=None, decision='', cluster__gt=0)"
    ".values_list('cluster').annotate(n=Count('pk')).filter(n__gt=1))"
)
USERS = (
    "[User.objects.create_user(name, password='correct horse', role=role)"
    " for name, role in (('kim', 'curator'), ('bao', 'contributor'))]\nanswer = 1"
)
# as a stricter bound would have it: the machine has somebody in mind, but is not sure
UNSURE = "answer = Face.objects.filter(person__isnull=False, decision='').update(person=None, state='unsure')"
SESSIONS: dict[str, str] = {}  # by name


def pictures_of(montage: Path, folder: Path) -> None:
    """Four photos of the same two people, none like the other."""
    folder.mkdir()
    with Image.open(montage) as image:
        image.load()
    image.save(folder / "one.jpg", quality=92)
    ImageOps.mirror(image).save(folder / "two.jpg", quality=85)
    ImageEnhance.Brightness(image).enhance(0.75).save(folder / "three.jpg", quality=85)
    image.resize((image.width * 3 // 4, image.height * 3 // 4)).save(folder / "four.jpg", quality=90)


@pytest.fixture(scope="module")
def running(demo: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A site with the demonstration's people and four photos, processed, and its web server running."""
    folder = tmp_path_factory.mktemp("curation")
    people, photos = demo
    pictures_of(photos / "montage.jpg", folder / "pictures")
    site = Site(folder / "site")
    site.ask(USERS)
    site.json("import_people", str(people))
    site.json("import_photos", str(folder / "pictures"))
    with site.worker():
        wait_for(lambda: site.ask(SETTLED) and site.ask(GROUPED), "the photos", 120)
    assert site.ask(UNSURE) >= 4
    site.ask("answer = Photo.objects.update(stack=None)")  # four tiles, though they resemble each other
    SESSIONS.update({name: site.make_session(name) for name in ("kim", "bao")})
    keep(site)
    with site.web() as address:  # the worker is gone, so that what follows an act waits for no one
        yield site, address


def names(site: Site) -> list[Any]:
    return site.ask(
        "answer = sorted(Face.objects.filter(decision='confirmed').values_list('person__name', flat=True))"
    )


def test_unsure_faces_are_reviewed_by_keyboard_and_taken_back(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, address = running
    start_afresh(site)
    page = signed_in(browser, address, SESSIONS["bao"], viewport=size)
    page.goto("/review/")
    waits = page.locator("[data-waits]")
    before = waits.count()
    assert before >= 4
    check(page)
    page.keyboard.press("y")
    expect(waits).to_have_count(before - 1)
    page.keyboard.press("y")
    expect(waits).to_have_count(before - 2)
    expect(page.locator("[data-left]")).to_have_text(str(before - 2))
    assert len(names(site)) == 2
    page.keyboard.press("z")
    expect(waits).to_have_count(before - 1)
    assert len(names(site)) == 1
    page.keyboard.press("n")
    expect(page.locator(".verdict", has_text="Not ")).to_have_count(1)
    check(page)


def test_a_key_answers_once_and_never_a_card_that_has_not_been_come_to(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, address = running
    start_afresh(site)
    page = signed_in(browser, address, SESSIONS["bao"], viewport=size)
    page.goto("/review/")
    waits = page.locator("[data-waits]")
    before = waits.count()
    expect(waits.first).to_be_focused()
    page.keyboard.down("n")
    page.keyboard.down("n")  # held
    page.keyboard.up("n")
    expect(page.locator(".verdict")).to_have_count(1)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("x")
    expect(waits.first).to_be_focused()
    page.keyboard.press("y")
    expect(page.locator(".verdict")).to_have_count(2)
    expect(waits).to_have_count(before - 2)
    assert len(names(site)) == 1


def test_the_last_answer_leads_on(running: tuple[Site, str], browser: Browser, size: dict[str, int]) -> None:
    site, address = running
    start_afresh(site)
    page = signed_in(browser, address, SESSIONS["bao"], viewport=size)
    page.goto("/review/")
    waits, end = page.locator("[data-waits]"), page.get_by_role("heading", name="Nothing to review")
    for left in reversed(range(waits.count())):
        expect(end).to_be_hidden()
        page.keyboard.press("u")
        expect(waits).to_have_count(left)
    expect(end).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="Unknown faces")).to_be_focused()
    page.keyboard.press("z")
    expect(waits).to_have_count(1)
    expect(end).to_be_hidden()


def test_somebody_else_is_typed_in_a_dialog(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, address = running
    start_afresh(site)
    page = signed_in(browser, address, SESSIONS["bao"], viewport=size)
    page.goto("/review/")
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    page.keyboard.type("Joe")
    expect(dialog.get_by_role("option").first).to_contain_text("Joe Biden")
    check(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("Joe Biden")
    page.keyboard.press("s")
    page.keyboard.type("Jo")  # not Joe: what was typed counts, not the first suggestion
    expect(dialog.get_by_role("option").first).to_contain_text("Joe Biden")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_have_count(2)
    assert names(site) == ["Jo", "Joe Biden"]


def test_two_reviewers_at_once_lose_nothing(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, address = running
    start_afresh(site)
    first, second = (signed_in(browser, address, SESSIONS[name], viewport=size) for name in ("bao", "kim"))
    for page in (first, second):
        page.goto("/review/")
    first.keyboard.press("n")
    expect(first.locator(".verdict")).to_have_count(1)
    second.keyboard.press("y")
    expect(second.locator(".verdict")).to_have_count(1)
    expect(second.locator(".verdict")).to_contain_text("said bao")
    expect(second.get_by_text("bao was here first")).to_be_visible()
    assert names(site) == []


def test_a_group_is_named_at_once_after_unticking_a_stray_and_taken_back(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, address = running
    start_afresh(site)
    page = signed_in(browser, address, SESSIONS["bao"], viewport=size)
    page.goto("/unknown/")
    check(page)
    page.get_by_role("link", name="faces").filter(has_text="Name them").first.click()
    ticks = page.locator("input[name=face]")
    expect(ticks.nth(2)).to_be_attached()
    total = ticks.count()
    ticks.nth(0).uncheck()
    expect(page.locator("[data-count]")).to_have_text(f"{total - 1} of {total} chosen")
    check(page)
    page.get_by_role("combobox").fill("Eileen Collins")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"named {total - 1} faces “Eileen Collins”")).to_be_visible()
    assert names(site) == ["Eileen Collins"] * (total - 1)
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("Undone:")).to_be_visible()
    assert names(site) == []


def test_a_merge_shows_what_will_change_and_is_undone_from_the_history(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, address = running
    start_afresh(site)
    pk = site.ask("answer = Person.objects.get(name='Joe Biden').pk")
    page = signed_in(browser, address, SESSIONS["kim"], viewport=size)
    page.goto(f"/people/{pk}/")
    page.get_by_role("link", name="Merge").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill("Barack Obama")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("References that move")).to_be_visible()
    check(page)
    dialog.get_by_role("button", name="Merge").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Barack Obama")
    assert site.ask("answer = Person.objects.count()") == 1
    page.goto("/history/")
    check(page)
    expect(page.get_by_text("merged “Joe Biden” into “Barack Obama”")).to_be_visible()
    page.get_by_role("button", name="Undo: merged").click()
    expect(page.get_by_text("undone by kim")).to_be_visible()
    assert site.ask("answer = list(Person.objects.get(name='Joe Biden').references.values_list('pk'))")


def test_faces_are_split_off_to_somebody_new(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, address = running
    start_afresh(site)
    pk = site.ask(
        "p = Person.objects.get(name='Barack Obama')\n"
        "Face.objects.filter(state='unsure').update(person=p, state='known')\nanswer = p.pk"
    )
    page = signed_in(browser, address, SESSIONS["kim"], viewport=size)
    page.goto(f"/people/{pk}/split")
    check(page)
    page.locator("input[name=face]").first.check()
    page.get_by_role("combobox").fill("Somebody New")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Somebody New")
    page.get_by_role("button", name="Undo").click()
    assert site.ask("answer = Person.objects.filter(name='Somebody New').count()") == 0


def test_search_adds_and_leaves_out_people(
    running: tuple[Site, str], browser: Browser, size: dict[str, int]
) -> None:
    site, address = running
    start_afresh(site)
    site.ask(
        "p = Person.objects.get(name='Barack Obama')\n"
        "answer = Face.objects.filter(state='unsure').update(person=p, state='known')"
    )
    page = signed_in(browser, address, SESSIONS["bao"], viewport=size)
    page.goto("/")
    page.get_by_role("searchbox").fill("obama")
    page.keyboard.press("Enter")
    expect(page.locator(".tile")).to_have_count(4)
    check(page)
    page.goto("/search/?q=Obama, Biden")
    expect(page.get_by_text("Nothing found")).to_be_visible()
    page.get_by_text("with Joe Biden").click()
    expect(page.locator(".tile")).to_have_count(4)


def test_who_was_signed_out_meanwhile_is_led_to_the_login_and_back(
    running: tuple[Site, str], browser: Browser
) -> None:
    site, address = running
    start_afresh(site)
    page = signed_in(browser, address, SESSIONS["kim"])
    page.goto("/review/")
    page.context.clear_cookies(name="sessionid")
    page.locator(".qcard button.yes").first.click()
    page.wait_for_url("**/account/login?next=/review/")
    page.fill("[name=username]", "kim")
    page.fill("[name=password]", "correct horse")
    page.locator("main button, main [type=submit]").first.click()
    page.wait_for_url("**/review/")
    expect(page.locator(".qcard[data-waits]").first).to_be_visible()
