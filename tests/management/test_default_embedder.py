"""Which network recognises faces: sface on a new site; on an older one what did so before, until asked for."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from gallery.index import engine
from gallery.management.commands import setup
from gallery.models import Person, User
from recognition.download import DownloadFailed
from tests.making import a_face, a_person, a_reference, a_vector
from tests.models_at_hand import published_sface
from tests.site import Site

STATE = """
from gallery.index import engine
from gallery.people.processing import advance_embedder_switch
steps = 0
while steps < 20 and advance_embedder_switch():
    steps += 1
answer = [engine.get_serving_embedder().name, engine.get_configured_embedder().name, steps > 0]
"""


@pytest.fixture
def nothing_chosen(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, db: None) -> list[str]:
    """No setting, an empty folder of models; names in the list are missing files."""
    missing = ["sface"]
    settings.EMBEDDER = ""
    monkeypatch.setattr(engine, "get_unavailable_reason", lambda name: "gone" if name in missing else None)
    return missing


def test_a_new_site_begins_with_sface_or_with_dlib_where_the_file_cannot_be_had(
    nothing_chosen: list[str],
) -> None:
    assert engine.get_configured_name() == "dlib"
    nothing_chosen.clear()
    assert engine.get_configured_name() == "sface"


def test_references_decide_what_an_older_site_goes_on_with(nothing_chosen: list[str]) -> None:
    nothing_chosen.clear()
    a_reference(a_person()).vectors.update(embedder_id="dlib-0123456789ab")
    assert engine.get_configured_name() == "dlib"


def test_a_site_that_has_only_looked_at_photos_goes_on_with_what_looked(nothing_chosen: list[str]) -> None:
    nothing_chosen.clear()
    a_face(embedding=a_vector(1), embedder_id="dlib-0123456789ab")
    assert engine.get_configured_name() == "dlib"


def test_the_setting_outranks_what_is_there(nothing_chosen: list[str], settings: Any) -> None:
    a_reference(a_person()).vectors.update(embedder_id="dlib-0123456789ab")
    settings.EMBEDDER = "sface"
    assert engine.get_configured_name() == "sface"


def test_setup_says_in_a_line_that_a_new_site_begins_with_dlib(
    nothing_chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Path:
        raise DownloadFailed("The file could not be fetched.")

    monkeypatch.setattr(setup, "fetch_sface", fail)
    said, out = StringIO(), StringIO()
    call_command("setup", "--no-demo", stderr=said, stdout=out)
    assert said.getvalue().splitlines() == [
        "The file could not be fetched.",
        "This new site recognises faces with an older network, dlib. Once it has references, "
        "FACESITE_EMBEDDER=sface moves it to the new one.",
    ]
    assert User.objects.count() == 1


def test_setup_fetches_nothing_for_a_site_that_recognises_with_another_network(
    nothing_chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(setup, "fetch_sface", lambda: asked.append("sface"))
    call_command("setup", "--no-demo", stdout=StringIO())
    assert asked == ["sface"]
    a_reference(a_person()).vectors.update(embedder_id="dlib-0123456789ab")
    call_command("setup", "--no-demo", stdout=StringIO())
    assert asked == ["sface"]
    assert Person.objects.count() == 1


@pytest.mark.slow
@pytest.mark.servers
def test_a_dlib_site_stays_on_dlib_until_sface_is_asked_for_and_then_keeps_that(
    site: Site, demo: tuple[Path, Path]
) -> None:
    published_sface()
    site.environment["FACESITE_EMBEDDER"] = "dlib"
    site.manage("import_people", str(demo[0]))
    site.manage("build_index")
    site.environment["FACESITE_EMBEDDER"] = ""
    site.manage("setup", "--no-demo")
    assert site.ask(STATE) == ["dlib", "dlib", False]
    site.environment["FACESITE_EMBEDDER"] = "sface"
    assert site.ask(STATE) == ["sface", "sface", True]
    site.environment["FACESITE_EMBEDDER"] = ""
    assert site.ask(STATE)[:2] == ["sface", "sface"]
    (photo,) = site.json("tag", str(next(demo[1].iterdir())))
    assert [face["name"] for face in photo["faces"]] == ["Barack Obama", None]
