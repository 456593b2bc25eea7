"""The life of the index: fresh at once, built one at a time, never lost, never wrong."""

from __future__ import annotations

import contextlib
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as site
from django.db import OperationalError
from django.utils import timezone

from gallery.core.exceptions import ActionRefused
from gallery.index import builds, contents, engine, live
from gallery.index.builds import (
    BUILD_DEBOUNCE_SECONDS,
    SMALL_GALLERY_SIZE,
    NoEarlierBuild,
    compare_index_with_database,
    request_build,
    request_build_after_change,
    roll_back_build,
    run_build,
)
from gallery.index.contents import stream_reference_parts
from gallery.index.feed import get_latest_change_id, get_settled_change_id
from gallery.index.selectors import SERVING_RECIPE_KEY
from gallery.index.services import cancel_build, request_roll_back
from gallery.models import Build, Erasure, GalleryChange, Host, Status
from gallery.models.history import get_site_setting
from gallery.privacy.erasure_cleanup import clear_index_builds
from recognition import index
from recognition.errors import IndexUnusable
from recognition.index import builder
from tests.gallery_world import (
    OTHER,
    erase,
    find,
    find_in_another_process,
    know,
    move,
    reject,
    world,
)
from tests.making import EMBEDDER, a_person, a_user, a_vector

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]


def build_now() -> Build:
    made = run_build(request_build("test", delay=0).pk)
    assert made is not None
    return made


def directories() -> set[str]:
    root = site.INDEX_ROOT / EMBEDDER
    return {path.name for path in root.iterdir()} if root.exists() else set()


def test_a_build_serves_and_its_row_says_what_was_measured() -> None:
    anna = a_person()
    reference = know(anna, a_vector(1))
    build = build_now()
    assert (build.work, build.is_active, build.vectors, build.index_key) == ("done", True, 1, "Flat")
    assert build.progress == 1
    assert build.figures["reason"] == "small"
    assert [(hit.reference, hit.person) for hit in find(a_vector(1))] == [(reference.pk, anna.pk)]
    assert (site.INDEX_ROOT / build.directory / "knn.index").is_file()


@pytest.mark.parametrize("is_built", [False, True])
def test_every_change_shows_in_the_next_search_of_every_process(is_built: bool) -> None:
    anna, bao = a_person("Anna"), a_person("Bao")
    first, second = know(anna, a_vector(1)), know(anna, a_vector(2))
    if is_built:
        build_now()
    for search in (find, find_in_another_process):
        assert {hit.reference for hit in search(a_vector(1))} == {first.pk, second.pk}
    third = know(bao, a_vector(3))
    move(second, bao)
    reject(first)
    for search in (find, find_in_another_process):
        assert {(hit.reference, hit.person) for hit in search(a_vector(1))} == {
            (second.pk, bao.pk),
            (third.pk, bao.pk),
        }
    erase(third)
    for search in (find, find_in_another_process):
        assert [hit.reference for hit in search(a_vector(3))] == [second.pk]


def test_changes_made_while_a_build_runs_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    anna = a_person()
    first = know(anna, a_vector(1))
    real = builder.build

    def meanwhile(parts, *args, **options):
        figures = real(parts, *args, **options)
        know(anna, a_vector(2))
        reject(first)
        return figures

    monkeypatch.setattr(builder, "build", meanwhile)
    build = build_now()
    assert build.vectors == 1
    assert len(find(a_vector(2))) == 1
    assert find(a_vector(2))[0].reference != first.pk
    assert find_in_another_process(a_vector(1)) == find(a_vector(1))


def test_many_requests_make_one_build() -> None:
    first = request_build("one")
    assert request_build("two").pk == first.pk
    assert Build.objects.count() == 1


def test_a_request_without_delay_makes_the_waiting_build_due() -> None:
    first = request_build("change")
    assert run_build(first.pk) is None
    assert request_build("now", delay=0).pk == first.pk
    assert run_build(first.pk) is not None


def test_builds_run_one_at_a_time_across_workers() -> None:
    running = Build.objects.create(
        embedder_id=EMBEDDER,
        work=Status.PROCESSING,
        lease_owner="elsewhere:1",
        lease_until=timezone.now() + timedelta(seconds=30),
    )
    asked = request_build("test", delay=0)
    assert run_build(asked.pk) is None
    Build.objects.filter(pk=running.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert run_build(asked.pk) is not None
    running.refresh_from_db()
    assert running.work == Status.FAILED
    assert "later build" in running.failure_text


def test_a_build_takes_over_those_that_wait_for_the_same() -> None:
    waiting = Build.objects.create(embedder_id=EMBEDDER, queued_at=timezone.now())
    later = Build.objects.create(embedder_id=EMBEDDER, queued_at=timezone.now())
    assert run_build(later.pk) is not None
    waiting.refresh_from_db()
    assert waiting.work == Status.CANCELLED


def test_a_running_build_can_be_cancelled_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    know(a_person(), a_vector(1))
    old = build_now()
    monkeypatch.setattr(builds, "SECONDS_BETWEEN_REPORTS", 0)
    asked = request_build("test", delay=0)
    real = stream_reference_parts

    def parts(embedder_id):
        cancel_build(a_user(), Build.objects.get(pk=asked.pk))
        yield from real(embedder_id)

    monkeypatch.setattr(contents, "stream_reference_parts", parts)
    stopped = run_build(asked.pk)
    assert stopped is not None
    assert stopped.work == Status.CANCELLED
    assert directories() == {Path(old.directory).name}
    assert len(find(a_vector(1))) == 1


def test_a_waiting_build_can_be_cancelled_and_a_finished_one_cannot() -> None:
    asked = request_build("test", delay=0)
    cancel_build(a_user(), asked)
    assert run_build(asked.pk) is None
    with pytest.raises(ActionRefused, match="not running"):
        cancel_build(a_user("Bao"), asked)


def test_progress_is_written_while_the_build_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    know(a_person(), a_vector(1))
    monkeypatch.setattr(builds, "SECONDS_BETWEEN_REPORTS", 0)
    seen = []
    real = builder.build

    def watched(*args, progress, **options):
        def report(step, done):
            progress(step, done)
            seen.append(Build.objects.values_list("step", "progress").get(work=Status.PROCESSING))

        return real(*args, progress=report, **options)

    monkeypatch.setattr(builder, "build", watched)
    build_now()
    assert [step for step, _ in seen][:1] == ["write"]
    assert {step for step, _ in seen} == {"write", "build", "check"}
    assert [progress for _, progress in seen][-1] == 1


FAULTS = {
    "reading the database": (contents, "stream_reference_parts"),
    "making the directory": (builder, "build"),
    "before activating": (builds, "activate_build"),
    "while activating": (builds, "_mark_build_active"),
    "tidying up": (builds, "clean_up_builds"),
    "giving up the lease": (builds, "finish_row"),
}


class Killed(BaseException):
    """Stands for a process that ends there: nothing catches it."""


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), OperationalError("gone"), Killed()]
)
@pytest.mark.parametrize("place", FAULTS)
def test_a_fault_anywhere_leaves_the_old_build_serving(
    place: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = a_person()
    know(anna, a_vector(1))
    old = build_now()
    know(anna, a_vector(2))
    asked = request_build("test", delay=0)
    with monkeypatch.context() as patch:

        def fail(*_, **__):
            raise error

        patch.setattr(*FAULTS[place], fail)
        with contextlib.suppress(OSError, OperationalError, Killed):
            run_build(asked.pk)
    active = Build.objects.get(is_active=True)
    assert active == old
    assert len(find(a_vector(1))) == len(find_in_another_process(a_vector(1))) == 2
    Build.objects.filter(work=Status.PROCESSING).update(lease_until=timezone.now() - timedelta(seconds=1))
    new = build_now()
    assert new.is_active
    assert new.vectors == 2
    assert directories() == {Path(each.directory).name for each in (old, new)}
    assert len(find(a_vector(1))) == len(find_in_another_process(a_vector(1))) == 2


def test_a_full_disk_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(builder, "build", full)
    assert build_now().failure_text == "The index could not be written: No space left on device."


def test_a_build_that_somebody_else_took_over_does_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    know(a_person(), a_vector(1))
    real = builder.build

    def slow(*args, **options):
        figures = real(*args, **options)
        Build.objects.filter(work=Status.PROCESSING).update(lease_owner="elsewhere:1")
        return figures

    monkeypatch.setattr(builder, "build", slow)
    asked = request_build("test", delay=0)
    run_build(asked.pk)
    assert not Build.objects.filter(is_active=True).exists()
    assert directories() == set()


def test_the_build_before_can_serve_again_and_knows_what_happened_since() -> None:
    anna = a_person()
    first, second = know(anna, a_vector(1)), know(anna, a_vector(2))
    old = build_now()
    reject(first)
    third = know(anna, a_vector(3))
    new = build_now()
    assert roll_back_build(EMBEDDER) == old
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.is_active, new.is_active) == (True, False)
    for search in (find, find_in_another_process):
        assert {hit.reference for hit in search(a_vector(1))} == {second.pk, third.pk}
    assert roll_back_build(EMBEDDER) == new


def test_going_back_needs_an_earlier_build_that_is_sound() -> None:
    know(a_person(), a_vector(1))
    with pytest.raises(NoEarlierBuild):
        roll_back_build(EMBEDDER)
    with pytest.raises(ActionRefused, match="nothing to go back to"):
        request_roll_back(a_user(), EMBEDDER)
    old, new = build_now(), build_now()
    request_roll_back(a_user("Bao"), EMBEDDER)
    (site.INDEX_ROOT / old.directory / "knn.index").write_bytes(b"broken")
    with pytest.raises(IndexUnusable):
        roll_back_build(EMBEDDER)
    assert Build.objects.get(is_active=True) == new


def test_only_the_serving_build_and_the_one_before_are_kept() -> None:
    know(a_person(), a_vector(1))
    made = [build_now() for _ in range(4)]
    assert directories() == {Path(each.directory).name for each in made[-2:]}
    assert [bool(each.directory) for each in Build.objects.order_by("pk")] == [False, False, True, True]


def test_no_kept_build_holds_an_erased_reference_once_a_new_one_serves() -> None:
    anna = a_person()
    know(anna, a_vector(1))
    gone = know(anna, a_vector(2))
    build_now()
    erase(gone)
    new = build_now()
    assert directories() == {Path(new.directory).name}
    assert gone.pk not in index.Index.load(site.INDEX_ROOT / new.directory).ids


@pytest.mark.parametrize("key", ["HNSW8", "IVF2,PQ4x4"])
def test_an_index_of_autofaiss_follows_changes_is_verified_and_forgets_whom_it_must(
    settings: Any, key: str
) -> None:
    settings.INDEX_POLICY, settings.INDEX_KEY, settings.INDEX_MAX_QUERY_MS = "autofaiss", key, 0.05
    anna, bao = a_person("Anna"), a_person("Bao")
    kept = [know(anna, a_vector(seed)) for seed in range(70)]
    build = build_now()
    assert (build.index_key, build.figures["reason"], build.recall) == (
        key,
        "named",
        pytest.approx(1, abs=0.1),
    )
    late = know(bao, a_vector(100))
    reject(kept[0])
    move(kept[1], bao)
    assert find(a_vector(100))[0].reference == late.pk
    assert kept[0].pk not in {hit.reference for hit in find(a_vector(0), 100)}
    assert find(a_vector(1))[0].person == bao.pk
    assert compare_index_with_database().is_sound
    gone = kept[2].pk
    erase(kept[2])
    build_now()
    assert gone not in {hit.reference for hit in find_in_another_process(a_vector(2), 100)}
    assert gone not in np.load(next((site.INDEX_ROOT / EMBEDDER).glob("*/ids.npy")))
    assert compare_index_with_database().is_sound


def test_the_feed_is_forgotten_as_far_as_every_kept_build_holds_it() -> None:
    anna = a_person()
    for seed in range(5):
        know(anna, a_vector(seed))
        build_now()
    oldest = Build.objects.exclude(directory="").order_by("pk").first()
    assert oldest is not None
    assert set(GalleryChange.objects.values_list("pk", flat=True)) == {
        oldest.upto_change,
        oldest.upto_change + 1,
    }
    assert len(find_in_another_process(a_vector(1))) == 5


def test_a_broken_serving_build_is_replaced_by_searching_the_database() -> None:
    know(a_person(), a_vector(1))
    build = build_now()
    (site.INDEX_ROOT / build.directory / "knn.index").write_bytes(b"broken")
    assert len(find_in_another_process(a_vector(1))) == 1
    assert not compare_index_with_database().is_sound
    assert compare_index_with_database(mend=True).is_mended
    assert compare_index_with_database().is_sound


def test_verifying_names_what_is_missing_extra_misplaced_and_altered() -> None:
    anna, bao = a_person("Anna"), a_person("Bao")
    extra, misplaced, altered = (know(anna, a_vector(seed)) for seed in (1, 2, 3))
    build_now()
    missing = know(bao, a_vector(4))
    reject(extra)
    move(misplaced, bao)
    altered.vectors.update(vector=a_vector(9))
    GalleryChange.objects.all().delete()  # nobody is told
    found = compare_index_with_database()
    assert (found.missing, found.extra) == ([missing.pk], [extra.pk])
    assert (found.misplaced, found.altered) == ([misplaced.pk], [altered.pk])
    assert compare_index_with_database(mend=True).is_mended
    assert compare_index_with_database().is_sound


def test_a_large_gallery_is_built_anew_only_when_much_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    monkeypatch.setattr(
        "gallery.jobs.dispatch.send_task", lambda task, *args, countdown=0: sent.append((task, countdown))
    )
    anna = a_person()
    know(anna, a_vector(1))
    build_now()
    assert request_build_after_change("small galleries are always built") is not None
    Build.objects.filter(work=Status.QUEUED).delete()
    Build.objects.filter(is_active=True).update(vectors=SMALL_GALLERY_SIZE + 1)
    know(anna, a_vector(2))
    assert request_build_after_change("test") is None
    assert sent[-1] == ("follow_gallery", BUILD_DEBOUNCE_SECONDS)
    monkeypatch.setattr(builds, "MIN_CHANGED_SHARE", 1 / SMALL_GALLERY_SIZE / 2)
    assert request_build_after_change("test") is not None


def test_no_number_below_a_settled_one_is_missed() -> None:
    anna = a_person()
    know(anna, a_vector(1))
    assert get_settled_change_id(EMBEDDER) == get_latest_change_id(EMBEDDER) > 0
    assert get_settled_change_id(OTHER) == 0


def test_the_embedder_that_serves_first_is_remembered() -> None:
    know(a_person(), a_vector(1))
    build_now()
    assert get_site_setting(SERVING_RECIPE_KEY)["id"] == EMBEDDER


def test_after_an_erasure_earlier_builds_go_at_once_and_the_serving_one_is_made_anew() -> None:
    anna = a_person()
    know(anna, a_vector(1))
    gone = know(anna, a_vector(2))
    build_now()
    serving = build_now()
    erase(gone)
    erasure = Erasure.objects.create(todo={"builds": {EMBEDDER: get_latest_change_id(EMBEDDER)}})
    assert clear_index_builds(erasure)
    assert erasure.counts["builds"] == 2
    assert Path(serving.directory).name not in directories()
    left = site.INDEX_ROOT / EMBEDDER
    assert len(directories()) == 1
    assert gone.pk not in np.load(next(left.glob("*/ids.npy")))


def test_a_host_that_cannot_fetch_the_build_compares_all_says_so_and_asks_for_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[object] = []
    monkeypatch.setattr("gallery.jobs.dispatch.send_task", lambda *args, countdown=0: sent.append(args))
    know(a_person(), a_vector(1))
    build = build_now()
    sent.clear()
    fetch, is_away = live.open_index, [True]

    def open_or_not(build: Build) -> object:
        if is_away[0]:
            raise ConnectionError("The store is away.")
        return fetch(build)

    monkeypatch.setattr(live, "open_index", open_or_not)
    embedder = engine.get_serving_embedder()
    follower = live.IndexFollower(embedder.id, embedder.dimension)
    follower.refresh()
    assert len(follower.live.list_ids()) == 1
    assert follower.problem == "The store is away."
    assert not compare_index_with_database(mend=True).is_mended
    assert not [args for args in sent if args[0] == "request_build"]
    assert not Build.objects.filter(pk__gt=build.pk).exists()
    is_away[0] = False
    follower.refresh()
    assert follower.problem  # it is not tried again with every photo
    monkeypatch.setattr(follower, "_retry_at", 0.0)
    follower.refresh()
    assert not follower.problem


def test_of_several_hosts_none_asks_for_a_build_because_it_has_not_got_the_one_that_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[object] = []
    monkeypatch.setattr("gallery.jobs.dispatch.send_task", lambda *args, countdown=0: sent.append(args))
    know(a_person(), a_vector(1))
    shutil.rmtree(site.INDEX_ROOT / build_now().directory)
    sent.clear()
    Host.objects.create(key="another", name="another", seen_at=timezone.now())
    embedder = engine.get_serving_embedder()
    follower = live.IndexFollower(embedder.id, embedder.dimension)
    follower.refresh()
    assert follower.problem
    assert not sent
