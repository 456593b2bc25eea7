"""Measuring the gallery, storing what was measured, and putting it into force."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from gallery.core.exceptions import ActionRefused
from gallery.curation.calibration import put_calibration_in_force, take_calibration_out_of_force
from gallery.curation.measurement import HISTOGRAM_BINS, calibrate_gallery
from gallery.history.descriptions import describe_event
from gallery.history.undo import undo_events
from gallery.index import engine
from gallery.models import Calibration, Event, Reference
from recognition import calibrate
from recognition.decide import tighten_for_gallery
from recognition.types import Bounds
from tests.embedded_faces import needs_labelled_photos
from tests.engines import PUBLISHED, FakeEngine
from tests.labelled import folder
from tests.making import a_user, fill_gallery


def evaluate(*args: str) -> tuple[dict[str, Any], int]:
    out, code = io.StringIO(), 0
    try:
        call_command("evaluate", "--json", *args, stdout=out, stderr=io.StringIO())
    except SystemExit as stop:
        code = int(str(stop.code))
    return json.loads(out.getvalue()), code


@pytest.mark.django_db
def test_the_report_has_what_the_contract_says_and_changes_nothing(fake: FakeEngine) -> None:
    fill_gallery(40, 3)
    found, code = evaluate()
    assert code == 0
    assert (found["references"], found["persons"], found["rank1"]) == (120, 40, 1.0)
    assert [line["rate"] for line in found["false_matches"]] == [0.01, 0.001, 0.0001]
    assert sum(found["genuine"]["counts"]) == 40 * 3
    assert sum(found["impostor"]["counts"]) == 120 * 117
    assert set(found["suggestion"]["bounds"]) == {"known", "unsure", "margin"}
    assert found["is_applied"] is False
    assert not Calibration.objects.exists()
    assert engine.get_decision_bounds(fake) == tighten_for_gallery(PUBLISHED, 40)


@pytest.mark.django_db
def test_applied_bounds_decide_for_that_embedder_only(fake: FakeEngine, sent: list[Any]) -> None:
    fill_gallery(40, 3)
    found, code = evaluate("--apply", "--false-name-rate", "0.05")
    assert code == 0
    assert found["is_applied"] is True
    assert engine.get_decision_bounds(fake) == Bounds(**found["suggestion"]["bounds"])
    assert sent[-1] == ("follow_gallery", True)
    other = FakeEngine(id="test-ffffffffffff", bounds=PUBLISHED)
    assert engine.get_decision_bounds(other) == tighten_for_gallery(PUBLISHED, 40)


@pytest.mark.django_db
def test_too_few_references_apply_nothing_and_say_so(fake: FakeEngine) -> None:
    fill_gallery(3, 2)
    found, code = evaluate("--apply")
    assert code == 1
    assert "Too few" in found["suggestion"]["reason"]
    assert found["is_applied"] is False
    assert engine.get_decision_bounds(fake) == PUBLISHED


@pytest.mark.django_db
def test_only_approved_references_are_measured(fake: FakeEngine) -> None:
    fill_gallery(10, 3)
    Reference.objects.filter(pk__in=Reference.objects.values_list("pk")[:4]).update(status="rejected")
    assert evaluate()[0]["references"] == 26


@pytest.mark.django_db
def test_an_empty_gallery_and_a_silly_rate_are_refused_with_a_sentence(fake: FakeEngine) -> None:
    with pytest.raises(CommandError, match="no references"):
        evaluate()
    with pytest.raises(CommandError, match=r"between 0 and 0\.2") as error:
        evaluate("--false-name-rate", "3")
    assert error.value.returncode == 2


@pytest.mark.django_db
def test_applying_is_an_act_with_a_sentence_that_can_be_undone(fake: FakeEngine, sent: list[Any]) -> None:
    fill_gallery(40, 3)
    user, measured = a_user(), calibrate_gallery(0.05)
    event = put_calibration_in_force(user, measured)
    assert (
        describe_event(event) == f"put measured bounds into force: a name from {measured.bounds['known']:.3f}"
    )
    assert engine.get_decision_bounds(fake) == Bounds(**measured.bounds)
    sent.clear()
    undo_events(user, event)
    assert sent == [("follow_gallery", True)]
    assert engine.get_decision_bounds(fake) == tighten_for_gallery(PUBLISHED, 40)


@pytest.mark.django_db
def test_withdrawing_brings_back_the_published_bounds(fake: FakeEngine) -> None:
    fill_gallery(40, 3)
    first, second = calibrate_gallery(0.05), calibrate_gallery(0.01)
    put_calibration_in_force(None, first)
    put_calibration_in_force(None, second)
    assert engine.get_decision_bounds(fake) == Bounds(**second.bounds)
    take_calibration_out_of_force(None, second)
    assert engine.get_decision_bounds(fake) == tighten_for_gallery(PUBLISHED, 40)
    assert Event.objects.filter(verb="calibration.withdraw").count() == 1


@pytest.mark.django_db
def test_a_calibration_that_is_not_founded_cannot_be_applied(fake: FakeEngine) -> None:
    fill_gallery(3, 2)
    measured = calibrate_gallery(0.005)
    with pytest.raises(ActionRefused, match="too few references"):
        put_calibration_in_force(a_user(), measured)


@pytest.mark.django_db
def test_a_stored_report_reads_back_as_what_was_measured(fake: FakeEngine) -> None:
    fill_gallery(40, 3)
    measured = calibrate_gallery(0.05)
    measured.refresh_from_db()
    again = calibrate.Calibration.from_json(measured.report)
    assert again.suggestion.bounds == Bounds(**measured.bounds)
    assert again.impostor.total == 120 * 117
    assert len(again.impostor.counts) <= HISTOGRAM_BINS


@pytest.fixture
def three_embedders(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that serves, one that the settings ask for, and those that are named."""
    made = {"get_serving_embedder": "serving", "get_configured_embedder": "chosen"}
    for name, embedder_id in made.items():
        monkeypatch.setattr(engine, name, lambda embedder_id=embedder_id: FakeEngine(id=embedder_id))
    monkeypatch.setattr(engine, "get_named_embedder", lambda name: FakeEngine(id=name))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "embedder"),
    [
        ([], "the gallery with serving"),
        (["DIR"], "with chosen"),
        (["DIR", "--embedder", "onnx"], "with onnx"),
    ],
)
def test_the_first_line_says_which_embedder_is_measured(
    three_embedders: None, tmp_path: Path, arguments: list[str], embedder: str
) -> None:
    out, given = io.StringIO(), [str(tmp_path) if word == "DIR" else word for word in arguments]
    with pytest.raises(CommandError, match="no references"):
        call_command("evaluate", *given, stdout=out)
    assert embedder in out.getvalue().splitlines()[0]


@pytest.mark.django_db
def test_only_a_folder_can_be_measured_with_an_embedder_by_name(three_embedders: None) -> None:
    with pytest.raises(CommandError, match="is for a folder") as error:
        call_command("evaluate", "--embedder", "onnx")
    assert error.value.returncode == 2


@needs_labelled_photos
@pytest.mark.slow
@pytest.mark.django_db
def test_a_folder_of_people_is_measured_without_storing_anything(tmp_path: Path) -> None:
    base = folder()
    assert base is not None
    found, code = evaluate(str(base / "five" / "gallery"))
    assert code == 0
    assert (found["references"], found["persons"], found["rank1"]) == (9, 5, 1.0)
    assert found["suggestion"]["is_founded"] is False
    assert not Reference.objects.exists()
    empty = tmp_path / "people"
    (empty / "nobody").mkdir(parents=True)
    (empty / "nobody" / "text.jpg").write_text("not a picture")
    with pytest.raises(CommandError, match="no references"):
        evaluate(str(empty))
