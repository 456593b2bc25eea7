"""The ceiling of a worker process's memory, by what its engines need."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gallery.index.switch import CHOICE_KEY
from gallery.index.worker_memory import limit_worker_memory
from gallery.models import SiteSetting


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
