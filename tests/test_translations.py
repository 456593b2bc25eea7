"""Vietnamese is complete: every marked text has a translation that keeps its places."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polib
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.timesince import timesince

from tests.words import ROOT, in_template, marked

CATALOGUES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po"))
PLACES = re.compile(r"%\(\w+\)s|\{\w+\}|</?\w+>")


def test_there_is_a_vietnamese_catalogue() -> None:
    assert [path.parent.parent.name for path in CATALOGUES] == ["vi"]


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_every_marked_text_is_translated(path: Path) -> None:
    known = {entry.msgid for entry in polib.pofile(str(path)).translated_entries()}
    missing = {text: where for text, where in marked().items() if text not in known}
    assert not missing, f"{len(missing)} without a translation: {missing}"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_translations_keep_places_and_plural_forms(path: Path) -> None:
    catalogue = polib.pofile(str(path), check_for_duplicates=True)  # `msgfmt` takes none
    forms = int(re.search(r"nplurals=(\d)", catalogue.metadata["Plural-Forms"]).group(1))  # type: ignore[union-attr]
    for entry in catalogue:
        texts = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
        assert not entry.fuzzy, f"{entry.msgid!r} is marked as uncertain"
        assert len(texts) == (forms if entry.msgid_plural else 1)
        for text in texts:
            wanted = PLACES.findall(entry.msgid_plural or entry.msgid)
            assert sorted(PLACES.findall(text)) == sorted(wanted), f"{entry.msgid!r}: {text!r}"


def test_a_text_without_translation_would_be_found() -> None:
    counted = "{% blocktranslate count n=2 %}{{ n }} two{% plural %}x{% endblocktranslate %}"
    source = '{% load i18n %}{% translate "One" %}' + counted
    assert list(in_template(source)) == ["One", "%(n)s two"]


def test_plural_forms_and_dates_follow_the_language() -> None:
    with translation.override("vi"):
        assert translation.ngettext("%(counter)s photo", "%(counter)s photos", 1) == "%(counter)s ảnh"
        assert translation.ngettext("%(counter)s photo", "%(counter)s photos", 7) == "%(counter)s ảnh"


@pytest.mark.django_db
def test_a_page_speaks_vietnamese_to_a_vietnamese_browser(client: Client, settings: Any) -> None:
    page = client.get(reverse("login"), headers={"accept-language": "vi"})
    assert "Đăng nhập" in page.content.decode()
    assert 'lang="vi"' in page.content.decode()


def test_spans_of_time_are_said_in_vietnamese() -> None:
    then = datetime(2026, 3, 1, 12, 0)
    with translation.override("vi"):
        assert timesince(then, then + timedelta(hours=2, minutes=16)) == "2\xa0giờ, 16\xa0phút"
