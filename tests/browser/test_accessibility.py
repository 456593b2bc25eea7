"""axe finds nothing on any page, in both languages and both themes, on a desktop and on a phone, for any role;
nothing scrolls sideways. The pages are those of tests/access_table.py: a new one is looked at by itself.

A page is opened in Vietnamese on a dark phone, and every rule is asked of it; then it is turned into the same page in
English on a light desktop, and asked what a theme, a size or a language may break. The long run asks all rules twice.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

from tests.access_table import TABLE
from tests.browser.conftest import DESKTOP, PHONE, Furnished
from tests.browser.furnishing import NO_PAGES

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
# colours are the same for every role, and what they cost is half of all
OF_ANY_COLOUR = RULES | {"rules": {"color-contrast": {"enabled": False}}}
# what differs between two looks of one page: colours, room to touch, names in words
LOOKS = {
    "runOnly": {
        "type": "rule",
        "values": ["color-contrast", "target-size", "button-name", "link-name", "label"],
    }
}
LOOKS |= {"resultTypes": ["violations"]}
# all in one call: each costs the way to the browser and back
LOOK = """async (rules) => {
  const {violations} = await axe.run(rules), said = violations.map(({id, help, nodes}) =>
    `${id}: ${help} ` + nodes.slice(0, 3).map((one) => `${one.target} (${one.failureSummary})`).join('; '));
  const is_unseen = (one, style = getComputedStyle(one)) =>
    style.opacity === '0' || style.visibility === 'hidden' || !one.getBBox().width;
  if ([...document.querySelectorAll('.plot text')].some((one) => is_unseen(one)))
    said.push("the figures at a plot's axes cannot be seen");
  const wide = document.documentElement.scrollWidth - innerWidth;
  return wide > 0 ? [...said, `scrolls sideways by ${wide} pixels`] : said;
}"""
WIDER = "document.documentElement.scrollWidth - innerWidth"
# nothing lies below the bar at the bottom, where nobody could press it
DARK_PHONE, LIGHT_DESKTOP = ({**PHONE, "height": 2400}, "dark"), (DESKTOP, "light")
# The page as the server sends it in another language, under the styles that are there: much sooner than to open it,
# and axe is warm. Its scripts do not run again.
TURN = """async (language) => {
  const before = document.cookie.match(/django_language=\\w+/)[0];
  document.cookie = `django_language=${language}; path=/`;
  const text = await (await fetch(location.href)).text();
  document.cookie = `${before}; path=/`;
  const page = new DOMParser().parseFromString(text, 'text/html');
  for (const one of page.querySelectorAll('noscript')) one.remove();
  if (page.documentElement.lang !== language) throw new Error(`in ${page.documentElement.lang}`);
  document.documentElement.lang = language;
  document.title = page.title;
  document.body.replaceWith(page.body);
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def axe() -> Iterator[str]:
    """The address of axe: from there a browser compiles it once, and not again for every page."""
    folder = Path(axe_playwright_python.__file__).parent
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/axe.min.js"
        server.shutdown()


def wide(page: Page) -> Iterator[str]:
    if (pixels := page.evaluate(WIDER)) > 0:
        yield f"scrolls sideways by {pixels} pixels"


def problems(page: Page, rules: dict[str, Any] = RULES) -> list[str]:
    found: list[str] = page.evaluate(LOOK, rules)
    return found


def make(page: Page, look: tuple[dict[str, int], str]) -> None:
    page.set_viewport_size(look[0])  # type: ignore[arg-type]  # a plain dictionary of the two sizes
    page.emulate_media(color_scheme=look[1])  # type: ignore[arg-type]  # one of its two words


def looked_at(page: Page, path: str, axe: str, again: dict[str, Any] = LOOKS) -> Iterator[str]:
    """What is wrong with a page; it is left as it was found, on a dark phone."""
    page.goto(path)
    page.add_script_tag(url=axe)
    yield from (f"Vietnamese, dark phone: {said}" for said in problems(page))
    make(page, LIGHT_DESKTOP)
    yield from (f"Vietnamese, desktop: {said}" for said in wide(page))
    page.evaluate(TURN, "en")
    yield from (f"English, light desktop: {said}" for said in problems(page, again))
    make(page, DARK_PHONE)
    yield from (f"English, phone: {said}" for said in wide(page))


def opened(browser: Browser, furnished: Furnished, role: str | None, language: str) -> Page:
    context = furnished.as_role(
        browser, role, locale=language, viewport=DESKTOP, reduced_motion="reduce", bypass_csp=True
    )
    context.add_cookies([{"name": "django_language", "value": language, "url": furnished.address}])
    return context.new_page()


def check(
    browser: Browser,
    furnished: Furnished,
    role: str | None,
    paths: dict[str, str],
    axe: str,
    again: dict[str, Any] = LOOKS,
) -> None:
    page = opened(browser, furnished, role, "vi")
    make(page, DARK_PHONE)
    bad = [
        f"{name} ({path}): {said}"
        for name, path in paths.items()
        for said in looked_at(page, path, axe, again)
    ]
    assert not bad, "\n".join(bad)


AGAIN = pytest.mark.parametrize(
    "again", [LOOKS, pytest.param(RULES, marks=pytest.mark.long)], ids=["looks", "all"]
)


@AGAIN
def test_no_page_keeps_anybody_out(
    browser: Browser, furnished: Furnished, axe: str, again: dict[str, Any]
) -> None:
    """As somebody who may see every page."""
    paths = {name: path for name, (path, role) in furnished.pages.items() if role}
    check(browser, furnished, "administrator", {**paths, **furnished.more}, axe, again)


@AGAIN
def test_no_page_of_the_admin_keeps_anybody_out(
    browser: Browser, furnished: Furnished, axe: str, again: dict[str, Any]
) -> None:
    """Every address of the admin that answers an administrator with a page."""
    assert {"gallery_person_pictures", "gallery_reference_changelist", "index"} <= set(furnished.admin)
    check(browser, furnished, "administrator", furnished.admin, axe, again)


def test_no_page_keeps_out_who_is_not_signed_in(browser: Browser, furnished: Furnished, axe: str) -> None:
    paths = {name: path for name, (path, role) in furnished.pages.items() if role is None}
    check(browser, furnished, None, paths, axe)


@pytest.mark.parametrize(
    ("role", "sees"), [("viewer", {"viewer"}), ("contributor", {"viewer", "contributor"})]
)
def test_what_a_page_leaves_out_for_a_role_does_not_spoil_it(
    browser: Browser, furnished: Furnished, axe: str, role: str, sees: set[str]
) -> None:
    pages = {name: path for name, (path, least) in furnished.pages.items() if least in sees}
    bad = []
    page = opened(browser, furnished, role, "en")
    for name, path in pages.items():
        page.goto(path)
        page.add_script_tag(url=axe)
        bad += [f"{name} ({path}): {said}" for said in problems(page, OF_ANY_COLOUR)]
    assert not bad, "\n".join(bad)


def test_every_address_is_a_page_that_is_looked_at_or_known_to_be_none(furnished: Furnished) -> None:
    asked = {name for name, rule in TABLE.items() if rule.method == "get"}
    assert asked - set(NO_PAGES) == set(furnished.pages)
    assert set(NO_PAGES) <= asked


PICTURE = "document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"/x.png\">')"
STYLE = "document.head.insertAdjacentHTML('beforeend', '<style>{}</style>')"
GREY = STYLE.format("@media (prefers-color-scheme: {}) {{ h1 {{ color: {} }} }}")
WIDE = STYLE.format("h1 { width: 2000px }")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (PICTURE, ["Vietnamese, dark phone: image-alt"]),
        (GREY.format("dark", "#333"), ["Vietnamese, dark phone: color-contrast"]),
        (GREY.format("light", "#ddd"), ["English, light desktop: color-contrast"]),
        (
            WIDE,
            [
                f"{where}: scrolls sideways"
                for where in (
                    "Vietnamese, dark phone",
                    "Vietnamese, desktop",
                    "English, light desktop",
                    "English, phone",
                )
            ],
        ),
    ],
    ids=["a picture without words", "grey in the dark", "grey in the light", "too wide"],
)
def test_a_page_with_a_fault_would_be_noticed(
    browser: Browser, furnished: Furnished, axe: str, fault: str, said: list[str]
) -> None:
    page = opened(browser, furnished, "viewer", "vi")
    make(page, DARK_PHONE)
    page.add_init_script(f"addEventListener('DOMContentLoaded', () => {{ {fault} }})")
    found = list(looked_at(page, "/people/", axe))
    assert len(found) == len(said)
    assert all(one.startswith(start) for one, start in zip(found, said, strict=True)), found
