"""Why a file is refused is said in the reader's language, whichever way the sentence came."""

from __future__ import annotations

import ast
import importlib
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from django.utils import translation

from gallery.core.exceptions import JobFailed, translate_error
from gallery.models import Photo, Role, Status
from gallery.models.base import FAILURE_MESSAGES, translate_failure
from gallery.models.storage import StorageAway
from recognition.errors import FILE_DESCRIPTIONS, MESSAGES, ImageError, IndexAway, WeightsMissing
from recognition.images import probe_photo, sandbox
from recognition.images.kinds import _MARKUP, _STRANGERS
from recognition.images.sandbox.client import _make_answer_error
from tests.making import a_photo, a_user
from tests.words import ROOT

MIGRATION = importlib.import_module("gallery.migrations.0028_failure_codes")
PARAMS = {
    "why": "Permission denied",
    "what": "a PDF document",
    "kind": "JPEG",
    "error": "Input/output error",
    "pk": "3",
    **dict.fromkeys(("megabytes", "limit", "width", "height", "megapixels", "seconds"), "12"),
}
ERRORS = {"ImageError", "ImageTooLarge", "NoFaceFound", "SeveralFaces", "JobFailed"}


def calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted((*(ROOT / "recognition").rglob("*.py"), *(ROOT / "gallery").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield path, node


@pytest.mark.parametrize("code", MESSAGES)
def test_an_error_comes_back_from_a_pickle_with_its_code_and_params(code: str) -> None:
    error = ImageError(code, **PARAMS)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- made here
    assert (again.code, again.params, str(again)) == (code, PARAMS, MESSAGES[code] % PARAMS)


@pytest.mark.parametrize("code", FAILURE_MESSAGES)
def test_every_sentence_has_a_vietnamese_form_with_the_same_places(code: str) -> None:
    catalogue = polib.pofile(str(ROOT / "locale/vi/LC_MESSAGES/django.po"))
    entry = catalogue.find(FAILURE_MESSAGES[code])
    assert entry is not None
    assert entry.msgstr not in ("", entry.msgid)
    places = re.compile(r"%\(\w+\)s")
    assert sorted(places.findall(entry.msgstr)) == sorted(places.findall(entry.msgid))
    with translation.override("vi"):
        assert translate_error(JobFailed(code, **PARAMS)) == entry.msgstr % {
            **PARAMS,
            "what": "tài liệu PDF",
        }


def test_every_code_that_is_raised_has_a_message_and_every_message_is_raised() -> None:
    used: set[object] = {IndexAway.code, StorageAway.code}  # whatever raises these
    for name in ERRORS:
        for path, call in calls(name):
            code = call.args[0]
            if not isinstance(code, ast.Constant):
                assert ast.unparse(code) == "_get_damage_code(problem)", f"{path}: line {call.lineno}"
                used |= {"cut_off", "undecodable"}
                continue
            used.add(code.value)
            places = set(re.findall(r"%\((\w+)\)s", FAILURE_MESSAGES[str(code.value)]))
            assert {str(keyword.arg) for keyword in call.keywords} == places, f"{path}: line {call.lineno}"
    assert used == set(FAILURE_MESSAGES)


def test_whatever_a_file_may_look_like_has_a_word() -> None:
    seen = {name for _, name in (*_STRANGERS, *_MARKUP)}
    assert seen <= FILE_DESCRIPTIONS


def test_a_sentence_comes_whole_through_the_sandbox() -> None:
    for read in (probe_photo, sandbox.probe_photo):
        with pytest.raises(ImageError) as told:
            read(b"%PDF-1.7 and so on")
        with translation.override("vi"):
            assert "tài liệu PDF" in translate_error(told.value)


def test_what_a_hostile_decoder_says_is_not_repeated() -> None:
    for said in (
        {"code": "rm -rf", "params": {}},
        {"code": "looks_like", "params": {}},
        {"code": [], "params": 3},
    ):
        assert _make_answer_error({"error": "ImageError", **said}).code == "decoder_failed"


def test_a_text_nobody_knows_stays_as_it_is() -> None:
    with translation.override("vi"):
        assert translate_error(WeightsMissing("The weights are gone.")) == "The weights are gone."
        assert translate_failure("", {}, "") == ""
        assert translate_failure("of_a_later_release", {}, "Kept.") == "Kept."
        assert "…" in translate_failure("looks_like", {}, "")  # a param that the row does not have


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
def test_a_failure_is_read_in_the_readers_language(client: Any) -> None:
    client.force_login(a_user("Bao", Role.VIEWER))
    for failure, words in (
        ({"failure_code": "undecodable"}, "không giải mã được ảnh"),
        ({"failure_code": "worker_stopped"}, "thử lại"),
        ({"failure_code": "looks_like", "failure_params": {"what": "a PDF document"}}, "tài liệu PDF"),
        ({"failure": "The file is empty."}, "Tệp"),
        ({"failure": "Nobody knows this sentence."}, "Nobody knows this sentence."),
    ):
        photo = a_photo(work=Status.FAILED, **failure)
        page = client.get(reverse("photo", args=(photo.pk,)), headers={"accept-language": "vi"})
        assert words in page.content.decode()
    assert Photo.objects.count() == 5


@pytest.mark.django_db
@pytest.mark.parametrize("code", MIGRATION.SENTENCES)
def test_a_failure_kept_as_a_sentence_becomes_its_code(code: str) -> None:
    """Whatever stood in its places, among them what other sentences begin with."""
    text = MIGRATION.SENTENCES[code] % PARAMS
    photo, other = a_photo(failure=text), a_photo(failure="Nobody knows this sentence.")
    MIGRATION.turn_sentences_into_codes(apps, connection.schema_editor())
    photo.refresh_from_db()
    other.refresh_from_db()
    assert (photo.failure, photo.failure_code) == ("", code)
    assert MIGRATION.SENTENCES[code] % photo.failure_params == text
    assert (other.failure, other.failure_code) == ("Nobody knows this sentence.", "")
    MIGRATION.turn_codes_into_sentences(apps, connection.schema_editor())
    photo.refresh_from_db()
    assert photo.failure == text
