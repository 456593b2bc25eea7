"""Screenshots of the pages, made from the demonstration's public-domain portraits.

    python -m tests.screenshots FOLDER [DOCS]      or: make screenshots

Starts an installation of its own in a temporary folder and takes pictures of every page on a desktop and a phone,
light and dark, some in Vietnamese; with DOCS also those that README and docs show, into that folder.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageEnhance, ImageOps
from playwright.sync_api import Browser, Page, sync_playwright

from facesite.texts import compile_texts
from tests.browser.conftest import CHROMIUM, DESKTOP, FLAGS, PHONE
from tests.browser.place import PASSWORD
from tests.servers import wait_for
from tests.site import Site

SIZES = {"desktop": DESKTOP, "phone": PHONE}
KINDS = [
    *itertools.product(SIZES, ("light", "dark"), ("en",)),
    ("desktop", "light", "vi"),
    ("phone", "dark", "vi"),
]
# what README and docs show: the name of the picture, of the page, and its kind
DOCS = {
    "photo": ("face", "desktop-light"),
    "review": ("review", "desktop-light"),
    "unknown": ("unknown-group", "desktop-light"),
    "phone": ("face", "phone-dark"),
}
USER = f"answer = User.objects.create_user('mai', password={PASSWORD!r}, role='administrator').pk"
SETTLED = (
    "answer = not Photo.objects.exclude(work='done').exists() and Face.objects.filter(cluster__gt=0).exists()"
)
FOLLOWS = 25  # seconds until the worker has taken an act to other faces
# Something has been done; afterwards some names become questions, as stricter bounds would have it.
PREPARE = """
from gallery.faces.decisions import confirm_face
from gallery.photos.albums import change_album, set_album_cover
from gallery.photos.services import trash_photo
user = User.objects.get(username="mai")
known = list(Face.objects.filter(person__isnull=False, decision="").order_by("-pk"))
photo = Photo.objects.filter(name="one.jpg").get()
confirm_face(user, known[-1], known[-1].person)
album = photo.albums.get()
change_album(user, album, {"name": "Summer party", "date": "2024-07-14", "note": "Everybody who came."})
set_album_cover(user, album, photo)
trash_photo(user, Photo.objects.get(name="four.jpg"))
answer = photo.pk
"""
PAGES = """
known = list(Face.objects.filter(person__isnull=False, decision="").order_by("-pk"))
obama = known[0].person
photo = Photo.objects.filter(name="one.jpg").get()
face = photo.faces.filter(person__isnull=False).first() or photo.faces.first()
others = [one.pk for one in known if one.photo_id != photo.pk]
Face.objects.filter(pk__in=others[:3]).update(person=None, state="unsure")
group = Face.objects.filter(cluster__gt=0, person=None, decision="").values_list("cluster", flat=True).first()
answer = {
    "home": "/", "photos": "/photos/", "photo": f"/photos/{photo.pk}/",
    "face": f"/photos/{photo.pk}/?face={face.pk}", "people": "/people/", "person": f"/people/{obama.pk}/",
    "merge": f"/people/{obama.pk}/merge", "split": f"/people/{obama.pk}/split",
    "albums": "/albums/", "album": f"/albums/{album.pk}/", "album-edit": f"/albums/{album.pk}/edit",
    "upload": "/upload/", "review": "/review/", "unknown": "/unknown/", "unknown-group": f"/unknown/{group}/",
    "search": f"/search/?with={obama.pk}", "nothing-found": "/search/?q=nobody", "history": "/history/",
    "trash": "/trash/", "account": "/account/", "jobs": "/jobs/", "names": "/names/", "builds": "/builds/",
    "health": "/health/", "consents": "/consents/", "audit": "/audit/", "not-found": "/nowhere/",
}
"""


def main() -> None:
    if len(sys.argv) not in (2, 3):
        raise SystemExit("Say into which folder: python -m tests.screenshots FOLDER [DOCS]")
    compile_texts()
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        with empty(Path(folder) / "empty") as address:
            _take(
                browser,
                address,
                {"first-visit": "/", "first-photos": "/photos/", "first-people": "/people/"},
                out,
            )
        with demonstration(Path(folder) / "full", Path(folder) / "photos") as (address, pages):
            _take(browser, address, pages, out)
        browser.close()
    if len(sys.argv) == 3:
        _for_docs(out, Path(sys.argv[2]))
    print(f"{len(list(out.glob('*.png')))} pictures in {out}")  # noqa: T201 -- a command says what it did


def _take(browser: Browser, address: str, pages: dict[str, str], out: Path) -> None:
    for size, theme, language in KINDS:
        for page, name in visited(browser, address, pages, (size, theme, language)):
            page.screenshot(
                path=out / f"{name}-{size}-{theme}{'' if language == 'en' else f'-{language}'}.png"
            )


def _for_docs(out: Path, docs: Path) -> None:
    for name, (page, kind) in DOCS.items():
        with Image.open(out / f"{page}-{kind}.png") as picture:
            picture.convert("RGB").save(docs / f"{name}.jpg", quality=84, optimize=True)


@contextmanager
def empty(folder: Path) -> Iterator[str]:
    site = Site(folder)
    site.ask(USER)
    with site.web() as address:
        yield address


@contextmanager
def demonstration(folder: Path, photos: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A site with the demonstration and variations of its photo: its address, and its pages by name."""
    site = Site(folder)
    site.manage("setup")
    vary(next((folder / "demo" / "photos").iterdir()), photos)
    site.manage("import_photos", str(photos), "--album", "Party")
    site.ask(USER)
    with site.worker():
        wait_for(lambda: site.ask(SETTLED), "the photos", 240)
        site.ask(PREPARE)
        time.sleep(FOLLOWS)
        pages: dict[str, str] = site.ask(PAGES)
        with site.web() as address:
            yield address, pages


def vary(montage: Path, folder: Path) -> None:
    """Photos of the same people, each another file."""
    folder.mkdir()
    with Image.open(montage) as opened:
        picture = opened.convert("RGB")
    wide, high = picture.size
    picture = picture.crop((0, 0, wide, high * 15 // 16))  # without the captions
    for name, other in {
        "one": picture,
        "two": ImageOps.mirror(picture),
        "three": ImageEnhance.Brightness(picture).enhance(0.8),
        "four": picture.resize((wide * 3 // 4, high * 45 // 64)),
        "five": picture.crop((wide // 2, 0, wide, high * 15 // 16)),
        "six": picture.crop((0, 0, wide // 2, high * 15 // 16)),
    }.items():
        other.save(folder / f"{name}.jpg", quality=90)


def visited(
    browser: Browser, address: str, pages: dict[str, str], kind: tuple[str, str, str]
) -> Iterator[tuple[Page, str]]:
    """Each page once it stands still."""
    size, theme, language = kind
    options: dict[str, Any] = {"viewport": SIZES[size], "color_scheme": theme, "locale": language}
    context = browser.new_context(
        base_url=address,
        reduced_motion="reduce",
        is_mobile=size == "phone",
        has_touch=size == "phone",
        **options,
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
