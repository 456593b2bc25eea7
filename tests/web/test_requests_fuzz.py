"""A bounded round of made-up requests on either database; ``make fuzz`` runs longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.index.processes import Start, finish, start
from tests.web.fuzz_requests import make_fuzz

__all__ = ["start"]  # a fixture
pytestmark = pytest.mark.slow
REQUESTS = [800, pytest.param(20_000, marks=pytest.mark.long)]


@pytest.mark.django_db
@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("requests", REQUESTS)
def test_no_made_up_request_breaks_the_site_or_its_secrets(own_data: Path, requests: int) -> None:
    fuzz = make_fuzz(seed=2026)
    fuzz.run(range(requests))
    assert fuzz.found == {}
    assert fuzz.answers.total() > requests
    assert fuzz.answers[200] > requests / 10  # many get as far as a page


@pytest.mark.servers
@pytest.mark.parametrize("requests", REQUESTS)
def test_no_made_up_request_breaks_it_on_postgresql(start: Start, requests: int) -> None:
    finish(start("-m", "tests.web.fuzz_requests", "--requests", str(requests), "--seed", "7"), seconds=900)
