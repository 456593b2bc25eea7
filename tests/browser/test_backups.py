"""An administrator makes a backup from the page."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Visits
from tests.browser.place import PASSWORD, Place

ADMIN = f"User.objects.create_user('lan', password={PASSWORD!r}, role='administrator')\nanswer = None"


def test_an_administrator_backs_up_at_a_click_and_sees_it_kept(
    visits: Visits, place: Place, montage: str
) -> None:
    place.ask(ADMIN)
    page = visits.as_nobody(PHONE)
    page.goto("/account/login?next=/backups/")
    page.get_by_label("Username").fill("lan")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Backups", exact=True)).to_be_visible()
    kept = place.ask("from gallery.backup.layout import list_kept_backups\nanswer = len(list_kept_backups())")
    page.get_by_role("button", name="Back up now").click()
    expect(page.get_by_text("A backup is made as soon as a worker is free.")).to_be_visible()
    expect(
        page.get_by_role("heading", name=re.compile(rf"^{kept + 1} backups? (is|are) kept$"))
    ).to_be_visible()
    expect(page.get_by_role("button", name="Back up now")).to_be_enabled()
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_text("every photo has its file")).to_be_visible()


def test_a_curator_has_no_such_page(visits: Visits) -> None:
    page = visits.as_user("mai")
    page.goto("/manage/")
    expect(page.get_by_role("link", name="Jobs")).to_be_visible()
    expect(page.get_by_role("link", name="Backups")).to_have_count(0)
