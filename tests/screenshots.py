"""Screenshots of every page, made from the demonstration: `python -m tests.screenshots FOLDER`.

Starts an installation of its own in a temporary folder and takes desktop and phone pictures, light and dark.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import CHROMIUM, DESKTOP, FLAGS, PHONE
from tests.browser.place import PASSWORD
from tests.site import Site

SIZES = {"desktop": DESKTOP, "phone": PHONE}
THEMES = ("light", "dark")
PREPARE = f"""
User.objects.create_user("mai", password={PASSWORD!r}, role="administrator")
photo = Photo.objects.filter(faces__person__isnull=False).first()
face = photo.faces.filter(person__isnull=False).first()
answer = {{
    "home": "/", "photos": "/photos/", "photo": f"/photos/{{photo.pk}}/",
    "face": f"/photos/{{photo.pk}}/?face={{face.pk}}", "people": "/people/", "person": f"/people/{{face.person_id}}/",
    "albums": "/albums/", "album": f"/albums/{{photo.album_id}}/", "upload": "/upload/", "review": "/review/",
    "unknown": "/unknown/", "search": f"/search/?q={{face.person.name}}", "history": "/history/", "trash": "/trash/",
}}
"""


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("Say into which folder: python -m tests.screenshots FOLDER")
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as (address, pages),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        for size, theme in itertools.product(SIZES, THEMES):
            for page, name in visited(browser, address, pages, size, theme):
                page.screenshot(path=out / f"{name}-{size}-{theme}.png")
        browser.close()
    print(f"{len(list(out.glob('*.png')))} pictures in {out}")  # noqa: T201 -- a command says what it did


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A site with the demonstration: its address, and its pages by name."""
    site = Site(folder)
    site.manage("setup")
    pages = site.ask(PREPARE)
    with site.worker(), site.web() as address:
        yield address, pages


def visited(
    browser: Browser, address: str, pages: dict[str, str], size: str, theme: str
) -> Iterator[tuple[Page, str]]:
    """Each page once it stands still."""
    viewport = SIZES[size]
    context = browser.new_context(
        base_url=address,
        viewport=viewport,  # type: ignore[arg-type]  # a plain dictionary of the two sizes
        color_scheme=theme,  # type: ignore[arg-type]  # one of THEMES
        reduced_motion="reduce",
        is_mobile=size == "phone",
        has_touch=size == "phone",
    )
    page = context.new_page()
    page.goto("/account/login")
    yield page, "login"
    page.locator("input[name=username]").fill("mai")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form.form button").click()
    page.wait_for_url(f"{address}/")
    for name, path in pages.items():
        page.goto(path)
        page.wait_for_load_state("networkidle")
        yield page, name
    context.close()


if __name__ == "__main__":
    main()
