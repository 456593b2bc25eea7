"""Why a file is refused is said in the reader's language, whichever way the sentence came."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import translation

from gallery.core.exceptions import translate_error
from gallery.models import Photo, Role, Status
from recognition.errors import FILE_DESCRIPTIONS, MESSAGES, ImageError, format_message, recognise_message
from recognition.images import probe_photo, sandbox
from recognition.images.kinds import _MARKUP, _OTHER_BRANDS, _STRANGERS
from tests.making import a_photo, a_user
from tests.words import ROOT

PARAMS = {
    "why": "Permission denied",
    "what": "a PDF document",
    "kind": "JPEG",
    **dict.fromkeys(("megabytes", "limit", "width", "height", "megapixels", "seconds"), "12"),
}
ERRORS = {"ImageError", "ImageTooLarge", "NoFaceFound", "SeveralFaces", "Member"}


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted((ROOT / "recognition").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield path, node


def _is_words(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and " " in str(node.value)


@pytest.mark.parametrize("code", MESSAGES)
def test_every_sentence_is_recognised_again_with_what_stands_in_it(code: str) -> None:
    text = format_message(code, **PARAMS)
    found = recognise_message(text)
    assert found is not None
    assert found.code == code
    assert format_message(found.code, **found.params) == text


@pytest.mark.parametrize("code", MESSAGES)
def test_every_sentence_has_a_vietnamese_form_with_the_same_places(code: str) -> None:
    catalogue = polib.pofile(str(ROOT / "locale/vi/LC_MESSAGES/django.po"))
    entry = catalogue.find(MESSAGES[code])
    assert entry is not None
    assert entry.msgstr not in ("", entry.msgid)
    places = re.compile(r"%\(\w+\)s")
    assert sorted(places.findall(entry.msgstr)) == sorted(places.findall(entry.msgid))
    with translation.override("vi"):
        assert translate_error(format_message(code, **PARAMS)) == entry.msgstr % {
            **PARAMS,
            "what": "tài liệu PDF",
        }


def test_the_library_refuses_files_in_these_sentences_only() -> None:
    used = set()
    for name in ERRORS:
        for path, call in calls(name):
            texts = [*call.args, *(keyword.value for keyword in call.keywords)]
            said = [text for text in texts if isinstance(text, ast.JoinedStr | ast.BinOp) or _is_words(text)]
            assert not said, f"{path}: {name} says something of its own in line {call.lineno}"
    for path, call in calls("say"):
        code = call.args[0]
        assert isinstance(code, ast.Constant)
        used.add(code.value)
        places = set(re.findall(r"%\((\w+)\)s", MESSAGES[str(code.value)]))
        assert {str(keyword.arg) for keyword in call.keywords} == places, path
    assert used == set(MESSAGES)


def test_whatever_a_file_may_look_like_has_a_word() -> None:
    seen = {name for _, name in (*_STRANGERS, *_MARKUP)} | set(_OTHER_BRANDS.values())
    assert seen <= FILE_DESCRIPTIONS


def test_a_sentence_comes_whole_through_the_sandbox() -> None:
    for read in (probe_photo, sandbox.probe_photo):
        with pytest.raises(ImageError) as told:
            read(b"%PDF-1.7 and so on")
        with translation.override("vi"):
            assert "tài liệu PDF" in translate_error(told.value)


def test_a_text_nobody_knows_stays_as_it_is() -> None:
    with translation.override("vi"):
        assert translate_error("The weights are gone.") == "The weights are gone."
        assert translate_error("") == ""


@pytest.mark.django_db
def test_an_upload_is_refused_in_the_readers_language(client: Any, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    client.force_login(a_user("Bao", Role.CONTRIBUTOR))
    file = SimpleUploadedFile("hóa đơn.pdf", b"%PDF-1.7 and so on")
    data = {"photos": [file]}
    page = client.post(reverse("upload_plain"), data, headers={"accept-language": "vi"}).content.decode()
    assert "trông như tài liệu PDF" in page
    assert "looks like" not in page


@pytest.mark.django_db
def test_a_failure_written_down_in_english_is_read_in_the_readers_language(client: Any) -> None:
    client.force_login(a_user("Bao", Role.VIEWER))
    for failure, words in (
        (format_message("undecodable"), "không giải mã được ảnh"),
        ("Working on this stopped the worker twice, so it was set aside. You can try it again.", "thử lại"),
    ):
        photo = a_photo(work=Status.FAILED, failure=failure)
        page = client.get(reverse("photo", args=(photo.pk,)), headers={"accept-language": "vi"})
        assert words in page.content.decode()
    assert Photo.objects.count() == 2
