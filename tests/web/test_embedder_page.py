"""Pages and commands say which embedder serves and how far a switch is, and curators decide on it."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from gallery.curation.calibration import get_calibration_page
from gallery.history.undo import undo_events
from gallery.index.selectors import SERVING_RECIPE_KEY
from gallery.index.switch import CHOICE_KEY, CONSENT_KEY, PROGRESS_KEY, get_chosen_name, note_progress
from gallery.models import Build, Calibration, Event, Reference, SiteSetting, Status, User
from gallery.models.history import get_site_setting
from tests.gallery_world import know, world
from tests.making import a_person, a_photo, a_vector

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
DLIB, SFACE = "dlib-0123456789ab", "sface-0123456789ab"


@pytest.fixture(autouse=True)
def dlib_site(settings: Any) -> None:
    """dlib serves Anna and Bao, and no setting names an embedder."""
    settings.EMBEDDER = ""
    serve(DLIB)
    know(a_person("Anna"), a_vector(1), DLIB)
    know(a_person("Bao"), a_vector(2), DLIB)


def serve(embedder_id: str) -> None:
    recipe = {"id": embedder_id, "name": embedder_id.partition("-")[0], "options": {}}
    SiteSetting.objects.update_or_create(pk=SERVING_RECIPE_KEY, defaults={"value": recipe})
    Build.objects.create(embedder_id=embedder_id, work=Status.DONE, is_active=True, directory=embedder_id)


def index_page(client: Client) -> str:
    return " ".join(client.get("/builds/").content.decode().split())


def test_a_dlib_site_is_offered_sface_with_what_it_costs(curator: Client) -> None:
    Reference.objects.filter(person__name="Bao").update(box=None, source_sha256="")
    text = index_page(curator)
    assert "Faces are recognised by dlib." in text
    assert "takes about 1 minute" in text
    assert "not searched afterwards: 1." in text
    assert text.count('action="/builds/embedder"') == 1
    assert "Switch to SFace" in text
    assert get_chosen_name() == "dlib"


def test_the_offer_is_taken_and_taken_back(curator: Client, user: User, sent: list[Any]) -> None:
    curator.post("/builds/embedder", {"name": "sface"})
    assert sent == [("switch_embedder",)]
    assert get_chosen_name() == "sface"
    text = index_page(curator)
    assert "A switch to SFace was asked for" in text
    assert "Stay with dlib" in text
    undo_events(user, Event.objects.get(verb="embedder.choose"))
    assert get_chosen_name() == "dlib"


def test_after_a_switch_the_way_back_stays_open(curator: Client) -> None:
    curator.post("/builds/embedder", {"name": "sface"})
    serve(SFACE)
    text = index_page(curator)
    assert "Faces are recognised by SFace." in text
    assert "Switch to" not in text
    curator.post("/builds/embedder", {"name": "dlib"})
    assert get_chosen_name() == "dlib"


def test_the_setting_outranks_what_was_chosen_on_the_page(curator: Client, settings: Any) -> None:
    curator.post("/builds/embedder", {"name": "sface"})
    settings.EMBEDDER = "dlib"
    assert get_chosen_name() == "dlib"
    assert "/builds/embedder" not in index_page(curator)
    curator.post("/builds/embedder", {"name": "dlib"})
    assert get_site_setting(CHOICE_KEY) == "sface"


@pytest.mark.parametrize("name", ["clip", "onnx", "nonsense", ""])
def test_what_is_not_on_offer_is_refused(curator: Client, name: str) -> None:
    curator.post("/builds/embedder", {"name": name})
    assert get_chosen_name() == "dlib"
    assert not Event.objects.filter(verb="embedder.choose").exists()


def test_index_home_and_commands_say_how_far_a_switch_is(curator: Client) -> None:
    a_photo()
    curator.post("/builds/embedder", {"name": "sface"})
    note_progress(SFACE, left=7, total=20, is_running=True)
    said = "A switch to SFace is under way: of 20 references 7 are left."
    assert said in index_page(curator)
    assert said in curator.get("/").content.decode()
    out = StringIO()
    call_command("build_index", stdout=out)
    assert "Faces are recognised by dlib." in out.getvalue()
    assert said in out.getvalue()
    note_progress(SFACE, left=0, problem="There is no file.", is_running=False)
    assert "The switch to SFace cannot go on: There is no file." in index_page(curator)
    serve(SFACE)
    note_progress(SFACE, problem="", photos=3)
    assert "3 photos are still to be looked at by SFace" in index_page(curator)


def test_a_switch_that_would_lose_people_waits_for_a_curators_word(curator: Client, sent: list[Any]) -> None:
    curator.post("/builds/embedder", {"name": "sface"})
    Reference.objects.get(person__name="Anna").vectors.create(embedder_id=SFACE, vector=a_vector(1))
    note_progress(SFACE, left=0, lost=1, lost_people=1, is_running=False)
    text = index_page(curator)
    assert "it would no longer find 1 person (references that it cannot search: 1)." in text
    assert 'href="/health/unsearched/"' in text
    assert "data-poll" not in text
    listed = curator.get("/health/unsearched/").content.decode()
    assert "Bao" in listed
    assert "Anna" not in listed
    curator.post("/builds/embedder", {"consent": "1"})
    assert get_site_setting(CONSENT_KEY) == SFACE
    assert sent[-1] == ("switch_embedder",)


def test_no_word_is_given_where_none_is_asked_for(curator: Client) -> None:
    curator.post("/builds/embedder", {"consent": "1"})
    assert get_site_setting(CONSENT_KEY) is None


def test_figures_of_the_embedder_before_are_not_shown_as_the_new_ones(curator: Client, user: User) -> None:
    bounds = {"known": 0.9, "unsure": 0.8, "margin": 0.02}
    Calibration.objects.create(embedder_id=DLIB, bounds=bounds, applied_at=timezone.now())
    serve(SFACE)
    assert get_calibration_page(user).latest is None
    text = index_page(curator)
    assert text.count("Serving") == 1
    assert DLIB in text
    assert SFACE not in text


def test_progress_belongs_to_one_embedder() -> None:
    note_progress(SFACE, left=3, failed=[1])
    assert note_progress(SFACE, left=2)["failed"] == [1]
    assert note_progress("onnx-0123456789ab", left=9) == {"to": "onnx-0123456789ab", "failed": [], "left": 9}
    assert get_site_setting(PROGRESS_KEY)["left"] == 9
