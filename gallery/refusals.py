"""What the recognition library, or a worker, says in English, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext

from recognition.refusals import SENTENCES, THINGS, recognise


def in_words(said: object) -> str:
    """An error, or the text of one that was kept, in the reader's language; what nobody knows stays as it is."""
    text = str(said)
    found = recognise(text)
    if found is None:
        return gettext(text) if text else ""
    places = {name: gettext(part) if part in THINGS else part for name, part in found.params.items()}
    return gettext(SENTENCES[found.code]) % places
