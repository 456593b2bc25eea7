"""An index in Milvus: written as the feed goes, never rebuilt for a change, and waited for while it is away."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gallery import tasks
from gallery.faces.processing import process_photo
from gallery.index import builds
from gallery.index.builds import (
    compare_index_with_database,
    is_face_build_due,
    request_build,
    request_build_after_change,
    run_build,
)
from gallery.index.change_writer import is_writing_due, write_index_changes
from gallery.index.contents import FACES
from gallery.index.feed import ChangeKind, record_face_changes
from gallery.index.live import IndexFollower
from gallery.index.selectors import SERVING_RECIPE_KEY, list_changes_since
from gallery.models import Build, Face, GalleryChange, Photo, SiteSetting, Status
from gallery.models.index import IndexContents
from gallery.privacy.erasure import erase_person
from gallery.privacy.erasure_cleanup import finish_erasure
from recognition.index.milvus import MilvusEngine, name_collection
from tests.engines import FakeEngine, somebody
from tests.gallery_world import (
    an_unnamed_face,
    as_row,
    erase,
    find,
    find_in_another_process,
    know,
    milvus,
    move,
    reject,
    world,
)
from tests.making import EMBEDDER, a_person, a_photo, a_vector
from tests.servers import wait_for

__all__ = ["milvus", "world"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("world", "milvus")]


@pytest.fixture(autouse=True)
def _serving() -> None:
    SiteSetting.objects.create(key=SERVING_RECIPE_KEY, value={"id": EMBEDDER, "name": "test", "options": {}})


def build_now(contents: IndexContents = IndexContents.REFERENCES) -> Build:
    made = run_build(request_build("test", delay=0, contents=contents).pk)
    assert made is not None
    assert made.work == Status.DONE, made.failure_text
    return made


def go_away(settings: Any) -> None:
    settings.MILVUS_URI = "http://127.0.0.1:1"


def test_changes_are_found_at_once_and_written_without_another_build(milvus: MilvusEngine) -> None:
    anna, bao = a_person("Anna"), a_person("Bao")
    first, second, third = (know(anna, a_vector(seed)) for seed in (1, 2, 3))
    build = build_now()
    assert (build.index_key, build.recall, build.size) == ("Milvus FLAT", 1.0, 0)
    find(a_vector(1))  # this process follows from here on
    reject(first)
    move(second, bao)
    erase(third)
    late = know(bao, a_vector(4))
    wanted = {second.pk: bao.pk, late.pk: bao.pk}
    for is_written in (False, True):
        if is_written:
            write_index_changes()
        for found in (find(a_vector(4)), find_in_another_process(a_vector(4))):
            assert {hit.reference: hit.person for hit in found} == wanted
    build.refresh_from_db()
    assert sorted(milvus.open(build.directory, EMBEDDER).list_ids()) == sorted(wanted)
    assert not is_writing_due()
    assert not list_changes_since(build).exists()
    assert GalleryChange.objects.count() == 1
    assert request_build_after_change("test") is None
    assert compare_index_with_database().is_sound
    assert Build.objects.count() == 1


def test_what_lies_in_milvus_and_not_in_the_database_is_told_and_mended(milvus: MilvusEngine) -> None:
    kept, lost = know(a_person(), a_vector(1)), know(a_person("Bao"), a_vector(2))
    build = build_now()
    milvus.connect().delete(name_collection(build.directory), ids=[lost.pk])
    assert compare_index_with_database().missing == [lost.pk]
    assert compare_index_with_database(mend=True).is_mended
    assert [hit.reference for hit in find_in_another_process(a_vector(2))] == [lost.pk, kept.pk]
    assert milvus.list_names(EMBEDDER) == [Build.objects.get(is_active=True).directory]


def test_while_milvus_is_away_a_face_waits_and_is_named_when_it_is_back(
    world: FakeEngine, settings: Any
) -> None:
    anna, uri = a_person(), settings.MILVUS_URI
    know(anna, a_vector(1))
    build_now()
    world.faces = [somebody(100, 1)]
    photo = a_photo(work=Status.QUEUED)
    go_away(settings)
    assert process_photo(photo.pk)
    photo.refresh_from_db()
    assert (photo.work, photo.failure_code) == (Status.QUEUED, "index_away")
    assert not Face.objects.exists()
    tasks.index_tasks.write_index_changes()
    tasks.faces_tasks.follow_gallery()
    late = request_build("test", delay=0)
    run_build(late.pk)
    late.refresh_from_db()
    assert (late.work, late.failure_code) == (Status.QUEUED, "index_away")
    settings.MILVUS_URI = uri
    Photo.objects.update(queued_at=None)
    assert process_photo(photo.pk)
    assert Face.objects.get().person == anna


@pytest.mark.parametrize("is_cluster", [False, True])
def test_the_vectors_of_an_erased_person_leave_the_files_of_milvus(
    monkeypatch: pytest.MonkeyPatch, settings: Any, milvus: MilvusEngine, is_cluster: bool
) -> None:
    monkeypatch.setattr(MilvusEngine, "erases_in_place", is_cluster)
    anna, bao = a_person("Anna"), a_person("Bao")
    know(anna, a_vector(1))
    know(bao, a_vector(2))
    build = build_now()
    asked: list[str] = []
    compact = milvus.connect().compact
    monkeypatch.setattr(milvus.connect(), "compact", lambda name: (asked.append(name), compact(name))[1])
    milvus.connect().flush(milvus.connect().list_collections()[0])
    assert held_in_files(settings, a_vector(1))
    receipt = erase_person(None, anna)
    write_index_changes()  # the sweep may have been first
    assert finish_erasure(receipt.pk)
    if is_cluster:
        assert len(asked) == 1
        assert Build.objects.get() == build
        for seed in (3, 4, 5):  # Milvus Lite compacts when there are four files
            know(bao, a_vector(seed))
            write_index_changes()
            milvus.compact(build.directory)
        wait_for(lambda: not held_in_files(settings, a_vector(1)), "Milvus Lite to compact")
    assert held_in_files(settings, a_vector(2))
    assert not held_in_files(settings, a_vector(1))
    assert {hit.person for hit in find_in_another_process(a_vector(1))} == {bao.pk}


def held_in_files(settings: Any, vector: bytes) -> bool:
    for path in Path(settings.MILVUS_URI).rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):  # gone meanwhile
            if vector[:16] in path.read_bytes():
                return True
    return False


def test_faces_are_searched_in_milvus_part_by_part(milvus: MilvusEngine) -> None:
    faces = [an_unnamed_face(a_vector(5, near=a_vector(1), spread=0.1 * (1 + row))) for row in range(6)]
    build = build_now(IndexContents.FACES)
    follower = IndexFollower(EMBEDDER, 16, FACES)
    follower.refresh()
    query = as_row(a_vector(1))[0]
    first = follower.live.search_beyond(query, 2, -1)
    rest = follower.live.search_beyond(query, 9, -1, (first[-1].similarity, first[-1].reference))
    assert [one.reference for one in first + rest] == [face.pk for face in faces]
    record_face_changes(ChangeKind.ERASED, faces[:1])
    faces[0].delete()
    assert not is_face_build_due()
    follower.refresh()
    assert len(follower.live.search_beyond(query, 9, -1)) == 5
    write_index_changes()
    assert len(milvus.open(build.directory, EMBEDDER).list_ids()) == 5


def test_a_site_that_moves_to_milvus_is_served_by_the_files_until_it_is_there(
    settings: Any, milvus: MilvusEngine
) -> None:
    settings.INDEX_ENGINE = "faiss"
    know(a_person(), a_vector(1))
    files = build_now()
    assert not builds.is_engine_switch_due()
    settings.INDEX_ENGINE = "milvus"
    assert builds.is_engine_switch_due()
    assert len(find(a_vector(1))) == 1
    made = build_now()
    assert (files.directory[:7], made.directory[:7]) == (EMBEDDER[:7], "milvus:")
    assert len(find(a_vector(1))) == 1
    assert not builds.is_engine_switch_due()
    assert not files_of_the_index(settings)
    settings.INDEX_ENGINE = "faiss"
    build_now()
    build_now()
    assert milvus.list_names(EMBEDDER) == []


def files_of_the_index(settings: Any) -> list[Path]:
    return [path for path in settings.INDEX_ROOT.rglob("*") if path.is_file()]


def test_a_process_that_found_no_collection_keeps_what_it_read_from_the_database(
    milvus: MilvusEngine,
) -> None:
    anna = a_person()
    wanted = [know(anna, a_vector(seed)).pk for seed in range(3)]
    build = build_now()
    milvus.drop(build.directory)
    follower = IndexFollower(EMBEDDER, 16)
    follower.refresh()
    wanted.append(know(anna, a_vector(3)).pk)
    follower.refresh()
    Build.objects.update(upto_change=GalleryChange.objects.latest("pk").pk)  # another host has written it
    follower.refresh()
    assert sorted(follower.live.list_ids()) == wanted
