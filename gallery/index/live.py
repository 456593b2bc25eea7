"""The index that this process searches, kept in step with the database by a cheap check before each search."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta

import numpy as np
from django.db import connection

from gallery.history.changeset import split_into_chunks
from gallery.index.contents import REFERENCES, IndexedRows
from gallery.index.engine import load_once, threads_per_photo
from gallery.index.feed import get_latest_change_id, list_index_changes
from gallery.index.index_engines import get_engine_of
from gallery.index.local_copies import drop_copy
from gallery.index.selectors import get_active_build
from gallery.jobs import dispatch
from gallery.jobs.hosts import has_other_hosts, note_served_build
from gallery.models import Build, Person
from gallery.models.clock import get_site_time
from gallery.models.index import IndexContents
from recognition.errors import EmbedderMismatch, IndexAway, IndexUnusable
from recognition.index import LiveIndex, SearchableIndex, limit_threads
from recognition.types import Embedder, Embeddings, Neighbour

log = logging.getLogger(__name__)
RETRY_SECONDS = 60.0  # before a host tries again to have the build that it could not fetch
MAX_TRANSACTION_AGE = timedelta(seconds=60)  # one that was open this long may still show an older change


class IndexNotReady(IndexAway):
    """There is too much to search without a build, which is still to be made."""


class IndexFollower:
    """A live index and how far it has followed the feed of changes."""

    def __init__(self, embedder_id: str, dimension: int, rows: IndexedRows = REFERENCES) -> None:
        self.embedder_id = embedder_id
        self.dimension = dimension
        self.rows = rows
        self.live = LiveIndex(embedder_id, dimension)
        self.build: int | None = None
        self.problem = ""  # why the build that should serve does not
        self.is_unfetched = False  # as the store is away, of which no other build is the cure
        self._retry_at = float("inf")  # when to try again to open it
        self._is_loaded = False
        self._written = 0  # every change up to here is in the build
        self.horizon = 0  # every change up to here has been followed
        self._seen: set[int] = set()  # changes above the horizon that have been followed
        # The newest change of each row that a build to which changes are written may not hold yet
        self._changed: dict[int, int] = {}
        self._masked: set[int] = set()  # rows of people whose consent has expired, or is there again
        self._expired: set[int] = set()  # people whose consent has expired, and who are no longer searched
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take up a new build and every change since. IndexNotReady where there must be a build first."""
        with self._lock:
            build = get_active_build(self.embedder_id, self.rows.contents)
            if not self._is_loaded or (build.pk if build else None) != self.build:
                self._load(build, self._open(build))
            elif build and time.monotonic() > self._retry_at and (index := self._open(build)):
                self._load(build, index)
            elif build and self.live.build and build.upto_change > self._written:
                self._forget_written(build.upto_change)
            self._follow()
            self._mask()

    def _open(self, build: Build | None) -> SearchableIndex | None:
        """The build's index. Where it cannot be had, `problem` says why, and all rows are searched.

        Where it is broken a new one is asked for, but not by one of several hosts: it may be the only one without it.
        """
        self.problem, self.is_unfetched, self._retry_at, index = "", False, float("inf"), None
        contents = self.rows.contents
        try:
            index = open_index(build) if build else None
        except IndexAway:
            raise
        except (IndexUnusable, EmbedderMismatch, OSError) as error:
            self.problem, self.is_unfetched = str(error), isinstance(error, OSError)
            log.error("Build %s cannot be used, so all %s are searched: %s", build, contents, error)
            if build and (self.is_unfetched or has_other_hosts()):
                drop_copy(build.directory)
                self._retry_at = time.monotonic() + RETRY_SECONDS
            else:
                dispatch.send_task("request_build", "the serving build is broken", None, True, contents)
        if build and index and not Build.objects.filter(pk=build.pk, directory=build.directory).exists():
            drop_copy(build.directory)  # it was given up while it was fetched
        if contents == IndexContents.REFERENCES:
            note_served_build(build if index else None, self.problem)
        return index

    def _load(self, build: Build | None, index: SearchableIndex | None) -> None:
        self._is_loaded = False
        self.horizon = get_latest_change_id(self.embedder_id, self.rows.contents, at__lte=get_settled_time())
        self.live = LiveIndex(self.embedder_id, self.dimension, index)
        self.build, self._seen, self._expired = (build.pk if build else None), set(), set()
        self._changed, self._masked = {}, set()
        if build is not None and index is not None:
            self.horizon = self._written = build.upto_change
        else:
            self._load_all()
        self._is_loaded = True

    def _forget_written(self, upto: int) -> None:
        """The build has taken these changes in, and knows more of their rows than this process."""
        written = [number for number, change in self._changed.items() if change <= upto]
        self.live.forget_changes(np.array(sorted(set(written) - self._masked), np.int64))
        for number in written:
            del self._changed[number]
        self._written, self.horizon = upto, max(upto, self.horizon)

    def _load_all(self) -> None:
        most = self.rows.max_unbuilt
        if most and self.rows.list_searchable(self.embedder_id)[most:].exists():
            raise IndexNotReady(f"The index of {self.rows.contents} is being built for the first time.")
        if parts := list(self.rows.stream_parts(self.embedder_id)):
            self.live.apply(
                added=np.concatenate([part.ids for part in parts]),
                persons=np.concatenate([part.persons for part in parts]),
                vectors=np.concatenate([part.vectors for part in parts]),
            )

    def _follow(self) -> None:
        rows = list_index_changes(self.embedder_id, self.rows.contents).filter(pk__gt=self.horizon)
        found = list(rows.values_list("pk", "object_id", "at"))
        fresh = {pk: number for pk, number, _ in found if pk not in self._seen}
        if fresh:
            self._sync(sorted(set(fresh.values())))
            self._seen.update(fresh)
            for pk, number in fresh.items():
                self._changed[number] = max(pk, self._changed.get(number, 0))
        settled = get_settled_time()
        self.horizon = max((pk for pk, _, at in found if at <= settled), default=self.horizon)
        self._seen = {pk for pk in self._seen if pk > self.horizon}

    def _mask(self) -> None:
        """Consent expires by date, which no change announces, so look at the date each time."""
        now = set(Person.objects.with_expired_consent().values_list("pk", flat=True))
        if now == self._expired:
            return
        turned = self.rows.list_of_people(now ^ self._expired).order_by("pk")
        numbers = list(turned.values_list("pk", flat=True))
        self._masked.update(numbers)
        self._sync(numbers)
        self._expired = now

    def _sync(self, numbers: list[int]) -> None:
        """Bring these rows to what the database says of them now."""
        for some in split_into_chunks(numbers):
            found = self.rows.read(self.embedder_id, some)
            vectors = [vector for _, _, vector in found]
            self.live.apply(
                removed=some,
                added=[number for number, _, _ in found],
                persons=[person for _, person, _ in found],
                vectors=np.stack(vectors) if vectors else None,
            )


def get_settled_time() -> datetime:
    """Before this, no transaction is open any more. SQLite writes one at a time, so numbers come in order."""
    return get_site_time() - (timedelta() if connection.vendor == "sqlite" else MAX_TRANSACTION_AGE)


def open_index(build: Build) -> SearchableIndex:
    return get_engine_of(build.directory).open(build.directory, build.embedder_id)


def get_index_follower(embedder: Embedder, rows: IndexedRows = REFERENCES) -> IndexFollower:
    """This process's follower for an embedder."""

    def make() -> IndexFollower:
        limit_threads(threads_per_photo())
        return IndexFollower(embedder.id, embedder.dimension, rows)

    return load_once(f"follower {rows.contents} {embedder.id}", make)


def find_nearest_references(
    embedder: Embedder, vectors: Embeddings, k: int, *, is_fresh: bool = False
) -> list[list[Neighbour]]:
    """The `k` nearest references of each row, as the gallery stands now, or stood at the last refresh."""
    current = get_index_follower(embedder)
    if not is_fresh:
        current.refresh()
    return current.live.search(vectors, k)
