"""A web process made ready for its first request, and told which of its objects it need not look through again.

Python's garbage collector now and then walks all objects that hold others. Of a web process nearly all of them are
code, addresses, texts and templates, which stay as long as it runs: some 150,000, and 50 to 120 ms in the middle of
somebody's request. So they are all loaded first, and then frozen: the collector leaves them out from there on.
"""

from __future__ import annotations

import gc

from django.conf import settings
from django.template.loader import get_template
from django.urls import get_resolver
from django.utils import translation

# When each generation is collected: objects more than before, and rounds of younger ones
YOUNG = (5_000, 20, 20)


def up() -> None:
    """Load what the first requests would; freeze it."""
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            translation.gettext("")
            len(get_resolver().reverse_dict)  # the addresses, and all views with them
    folder = settings.BASE_DIR / "templates"
    for path in sorted(folder.rglob("*.html")):
        get_template(str(path.relative_to(folder)))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG)
