"""Browser contexts that tests take turns with: a new one fetches and compiles every script of the site again."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext

_free: dict[str, list[BrowserContext]] = {}
_taken: list[tuple[str, BrowserContext]] = []


def take_context(browser: Browser, **options: Any) -> BrowserContext:
    """A context with these options, nobody signed in; it goes back when the test ends."""
    options.setdefault("service_workers", "block")  # past one, no test can answer a request itself
    key = repr(sorted(options.items()))
    free = _free.setdefault(key, [])
    context = free.pop() if free else browser.new_context(**options)
    _taken.append((key, context))
    return context


def give_back_contexts() -> None:
    """Leave nothing of a test in the contexts it took."""
    for key, context in _taken:
        for page in context.pages:
            if page.url.startswith("http"):
                page.evaluate("localStorage.clear()")
            page.close()
        context.clear_cookies()
        _free[key].append(context)
    _taken.clear()


def is_pooled(context: BrowserContext) -> bool:
    return any(context in free for free in _free.values())
