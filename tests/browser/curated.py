"""What tests in a browser share on sites of their own: signing in, axe, and a database that is put back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.contexts import take_context
from tests.site import Site

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def signed_in(browser: Browser, address: str, session: str, **options: Any) -> Page:
    """A page of the user whose session this is."""
    context = take_context(browser, base_url=address, **options)
    context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    return page


def check(page: Page) -> None:
    """Nothing for axe to find, and nothing wider than the screen."""
    page.emulate_media(reduced_motion="reduce")  # what is half faded in has half its contrast
    found = Axe().run(page, options=WCAG).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def database(site: Site) -> sqlite3.Connection:
    return sqlite3.connect(site.folder / "facesite.sqlite3", timeout=20)


def keep(site: Site) -> None:
    """Remember the database as it is."""
    with closing(database(site)) as now, closing(sqlite3.connect(site.folder / "kept.sqlite3")) as kept:
        now.backup(kept)


def start_afresh(site: Site) -> None:
    """The database as it was kept: four faces unsure, four in a group of unknown ones, nothing decided."""
    with closing(database(site)) as now, closing(sqlite3.connect(site.folder / "kept.sqlite3")) as kept:
        kept.backup(now)
