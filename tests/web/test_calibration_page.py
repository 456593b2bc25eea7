"""The curators' page on trust in names: what was measured, drawn, and put into force."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gallery.core.charts import CHART_HEIGHT, CHART_WIDTH
from gallery.curation.calibration import get_calibration_page
from gallery.curation.measurement import calibrate_gallery
from gallery.index import engine
from gallery.models import Calibration, Job, Role, User
from recognition.types import Bounds
from tests.engines import FakeEngine
from tests.making import a_user, fill_gallery

pytestmark = pytest.mark.django_db


def test_before_anything_is_measured_the_page_says_what_decides(curator: Client) -> None:
    page = curator.get("/names/").content.decode()
    assert "Nothing measured yet" in page
    assert '<svg class="plot"' not in page


def test_measuring_is_left_to_the_worker_at_the_chosen_rate(curator: Client, sent: list[Any]) -> None:
    curator.post("/names/measure", {"rate": "0.01"})
    curator.post("/names/measure", {"rate": "7"})
    assert sent == [("measure_gallery", 0.01), ("measure_gallery", 0.005)]


def test_the_page_says_that_a_measurement_is_under_way_and_when_it_is_late(
    curator: Client, fake: FakeEngine, sent: list[Any]
) -> None:
    curator.post("/names/measure", {"rate": "0.01"})
    assert "is being measured" in curator.get("/names/").content.decode()
    Job.objects.update(asked_at=timezone.now() - timedelta(hours=1))
    assert "Is a worker running?" in curator.get("/names/").content.decode()
    calibrate_gallery(0.01)  # of an empty gallery
    page = curator.get("/names/").content.decode()
    assert "is being measured" not in page
    assert "Is a worker running?" not in page
    assert "0 references of 0 people" in page


def test_the_page_shows_plots_figures_and_meaning_first(curator: Client, fake: FakeEngine) -> None:
    fill_gallery(40, 3)
    calibrate_gallery(0.05)
    page = curator.get("/names/").content.decode()
    assert page.count('<svg class="plot"') == 2
    assert "120 references of 40 people" in page
    assert page.index("strangers look this alike") < page.index("(0.9")
    assert "Use the suggested bounds" in page
    assert "style=" not in page


def test_the_plots_are_well_formed_and_stay_inside_their_frame(fake: FakeEngine, user: User) -> None:
    fill_gallery(40, 3)
    calibrate_gallery(0.05)
    page = get_calibration_page(user)
    assert page.likeness is not None
    assert page.bounds is not None
    for plot in (page.likeness, page.bounds):
        assert [mark.label for mark in plot.marks] == ["current", "suggested"]
        assert 3 <= len(plot.across) <= 8
        for line in plot.lines:
            assert re.fullmatch(r"M[\d.L ]+Z?", line.path)
            pairs = [pair.split() for pair in line.path.strip("MZ").split("L")]
            assert all(0 <= float(x) <= CHART_WIDTH and 0 <= float(y) <= CHART_HEIGHT for x, y in pairs)


def test_bounds_are_applied_and_taken_out_of_force_again(curator: Client, fake: FakeEngine) -> None:
    fill_gallery(40, 3)
    measured = calibrate_gallery(0.05)
    before = engine.get_decision_bounds(fake)
    curator.post(f"/names/{measured.pk}/apply")
    assert engine.get_decision_bounds(fake) == Bounds(**measured.bounds)
    assert "Use the suggested bounds" not in curator.get("/names/").content.decode()
    curator.post(f"/names/{measured.pk}/apply", {"withdraw": "1"})
    assert engine.get_decision_bounds(fake) == before


def test_too_few_references_are_said_and_offer_nothing_to_apply(curator: Client, fake: FakeEngine) -> None:
    fill_gallery(3, 2)
    measured = calibrate_gallery(0.005)
    page = curator.get("/names/").content.decode()
    assert "too few references" in page
    assert "Use the suggested bounds" not in page
    curator.post(f"/names/{measured.pk}/apply")
    assert not Calibration.objects.filter(applied_at__isnull=False).exists()


def test_a_report_of_an_older_version_is_taken_as_none(curator: Client) -> None:
    Calibration.objects.create(embedder_id="dlib-0", bounds={}, report={"shape": "old"})
    assert "Nothing measured yet" in curator.get("/names/").content.decode()


def test_the_page_is_for_curators(client: Client) -> None:
    viewer: User = a_user("Tom", Role.VIEWER)
    client.force_login(viewer)
    assert client.get("/names/").status_code == 403
