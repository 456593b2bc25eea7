"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from facesite.texts import compile_texts
from gallery.index import engine
from gallery.management.demo import DemoUnavailable, prepare_demo_folders
from gallery.models import Role, User
from tests import servers
from tests.engines import PUBLISHED, FakeEngine
from tests.making import a_user
from tests.site import Site

COMBINATIONS = ("embedded broker, SQLite", "Redis, PostgreSQL")


@pytest.fixture(scope="session", autouse=True)
def texts() -> None:
    """The languages, compiled; where several test processes start at once, whichever comes first."""
    compile_texts()


@pytest.fixture(scope="session", autouse=True)
def static_files_on_demand() -> None:
    """Each test client starts the site anew; it need not read two hundred static files each time."""
    settings.WHITENOISE_AUTOREFRESH = True


# What takes longest comes first, so that at the end no process waits for another; see also GROUPS of the browser's
LONGEST = (
    "browser", "test_servers_away.py", "test_workers.py", "test_kills.py", "test_soak.py", "test_restore.py",
    "test_abuse.py", "test_full_disk.py", "test_index_races.py", "test_clock.py", "test_worker.py",
    "test_detector_plain.py", "test_access.py", "test_erasure.py", "test_deaths_noticed.py", "test_page_queries.py",
    "test_index_model.py", "test_hidden_on_real_photos.py",
)  # fmt: skip


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """A file's tests run in one process, one after the other: many share a site or a server."""
    places = {name: place for place, name in enumerate(LONGEST)}
    for item in items:
        if "browser" not in item.path.parts:
            item.add_marker(pytest.mark.xdist_group(item.path.name))
    yield  # others put them in an order of theirs
    items.sort(key=lambda item: min(places.get(part, len(places)) for part in item.path.parts))


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """A page asked for in another language leaves it behind in the thread."""
    translation.activate("en")
    yield
    translation.deactivate()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The tasks that were sent, each with its arguments; no worker gets them."""
    tasks: list[tuple[Any, ...]] = []
    monkeypatch.setattr("gallery.jobs.dispatch.send_task", lambda *args, countdown=0: tasks.append(args))
    return tasks


@pytest.fixture
def user(db: None) -> User:
    """A curator."""
    return a_user("Curator")


@pytest.fixture
def curator(client: Client, user: User) -> Client:
    """The test's client, with that curator signed in."""
    client.force_login(user)
    return client


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, sent: list[Any]) -> FakeEngine:
    """Serves embeddings of 128 numbers with the bounds that dlib's authors published."""
    made = FakeEngine(bounds=PUBLISHED, dimension=128)
    monkeypatch.setattr(engine, "get_serving_embedder", lambda: made)
    return made


@pytest.fixture
def own_data(settings: Any, tmp_path: Path) -> Path:
    """Folders of the test's own for what the site keeps."""
    settings.DATA_DIR = tmp_path
    settings.MEDIA_ROOT, settings.CACHE_ROOT = tmp_path / "media", tmp_path / "cache"
    settings.MEDIA_ROOT.mkdir()
    return tmp_path


@pytest.fixture
def bao(client: Client, db: None) -> User:
    """A contributor, signed in with the test's client."""
    user = a_user("Bao", Role.CONTRIBUTOR)
    client.force_login(user)
    return user


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The demonstration's folders of people and of photos: real portraits that ship in packages."""
    try:
        return prepare_demo_folders(tmp_path_factory.mktemp("portraits"))
    except DemoUnavailable as error:
        pytest.skip(f"NOT TESTED: {error}")


@pytest.fixture(scope="module", params=COMBINATIONS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An empty installation, once on what `make run` uses and once on real servers."""
    folder = tmp_path_factory.mktemp("site")
    if request.param == COMBINATIONS[0]:
        yield Site(folder)
        return
    if not servers.redis_program() or not servers.postgres_folder():
        pytest.skip("NOT TESTED: redis-server or PostgreSQL is not installed here")
    for name in ("redis", "postgres"):
        (folder / name).mkdir()
    with servers.redis(folder / "redis") as broker, servers.postgres(folder / "postgres") as (_, database):
        url = f"redis://127.0.0.1:{broker.port}/0"
        yield Site(folder / "data", CELERY_BROKER_URL=url, DATABASE_URL=database)
