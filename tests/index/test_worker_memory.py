"""The ceiling of a worker process's memory, by what its engines need."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gallery.index.switch import CHOICE_KEY
from gallery.index.worker_memory import limit_worker_memory
from gallery.models import Build, SiteSetting


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("engine", "limit", "kilobytes"), [("sface", 500, 512_000), ("clip", 500, 2_048_000), ("sface", 0, None)]
)
def test_a_worker_process_may_hold_what_its_engines_need(
    engine: str, limit: int, kilobytes: int | None, settings: Any
) -> None:
    settings.WORKER_MEMORY_MB, settings.EMBEDDER = limit, ""
    SiteSetting.objects.create(pk=CHOICE_KEY, value=engine)
    conf = SimpleNamespace(worker_max_memory_per_child=None)
    limit_worker_memory(conf)
    assert conf.worker_max_memory_per_child == kilobytes


@pytest.mark.django_db
def test_the_ceiling_has_room_for_an_embedder_that_may_be_switched_to_and_for_the_mapped_index(
    settings: Any,
) -> None:
    settings.WORKER_MEMORY_MB, settings.EMBEDDER = 500, ""
    SiteSetting.objects.create(pk=CHOICE_KEY, value="sface")
    Build.objects.create(embedder_id="sface-1", directory="sface-1/1", is_active=True, size=3_072_000)
    conf = SimpleNamespace(worker_max_memory_per_child=None)
    limit_worker_memory(conf)
    assert conf.worker_max_memory_per_child == 512_000 + 3_000
    Build.objects.create(embedder_id="clip-1", directory="clip-1/2", is_active=True)
    limit_worker_memory(conf)
    assert conf.worker_max_memory_per_child == 2_048_000 + 3_000
