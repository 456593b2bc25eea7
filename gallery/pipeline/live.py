"""The index that this process searches, kept in step with the database by a cheap check before each search."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.db import connection
from django.utils import timezone

from gallery import engine, queries, queue
from gallery.models import Build, GalleryChange, Person, Reference, ReferenceVector
from gallery.pipeline.vectorparts import parts_of
from gallery.recognising import expired
from gallery.vectors import from_bytes
from recognition.index import Index, LiveIndex, limit_threads
from recognition.types import Embedder, EmbedderMismatch, Embeddings, IndexUnusable, Neighbour

log = logging.getLogger(__name__)
CHUNK = 500  # ids in one query
OVERLAP = timedelta(seconds=60)  # a transaction that was open this long may still show an older change


class Follower:
    """A live index and how far it has followed the feed of changes."""

    def __init__(self, embedder_id: str, dimension: int) -> None:
        self.embedder_id = embedder_id
        self.dimension = dimension
        self.live = LiveIndex(embedder_id, dimension)
        self.build: int | None = None
        self._is_loaded = False
        self.horizon = 0  # every change up to here has been followed
        self._seen: set[int] = set()  # changes above the horizon that have been followed
        self._expired: set[int] = set()  # people whose consent has run out, and who are searched no more
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take up a new build and every change since."""
        with self._lock:
            build = queries.active_build(self.embedder_id)
            if not self._is_loaded or (build.pk if build else None) != self.build:
                self._load(build)
            self._follow()
            self._mask()

    def _load(self, build: Build | None) -> None:
        horizon = _settled_change(self.embedder_id)
        index = _open(build)
        self.live = LiveIndex(self.embedder_id, self.dimension, index)
        self.build, self._seen, self._expired = (build.pk if build else None), set(), set()
        if index is not None and build is not None:
            self.horizon = build.upto_change
        else:
            self.horizon = horizon
            self._load_database()
        self._is_loaded = True

    def _load_database(self) -> None:
        """There is no build to stand on: search all vectors of the database as they are."""
        parts = list(parts_of(self.embedder_id))
        if parts:
            self.live.apply(
                added=np.concatenate([part.ids for part in parts]),
                persons=np.concatenate([part.persons for part in parts]),
                vectors=np.concatenate([part.vectors for part in parts]),
            )

    def _follow(self) -> None:
        rows = GalleryChange.objects.filter(embedder_id=self.embedder_id, pk__gt=self.horizon)
        found = list(rows.values_list("pk", "reference", "at"))
        fresh = {pk: reference for pk, reference, _ in found if pk not in self._seen}
        if fresh:
            self._sync(sorted(set(fresh.values())))
            self._seen.update(fresh)
        settled = _settled_time()
        self.horizon = max((pk for pk, _, at in found if at <= settled), default=self.horizon)
        self._seen = {pk for pk in self._seen if pk > self.horizon}

    def _mask(self) -> None:
        """A consent runs out by the clock, of which no feed tells: look at the date, every time."""
        now = set(Person.objects.filter(expired()).values_list("pk", flat=True))
        if now == self._expired:
            return
        turned = Reference.objects.filter(person__in=now ^ self._expired).order_by("pk")
        self._sync(list(turned.values_list("pk", flat=True)))
        self._expired = now

    def _sync(self, references: list[int]) -> None:
        """Bring these references to what the database says of them now."""
        for start in range(0, len(references), CHUNK):
            some = references[start : start + CHUNK]
            rows = ReferenceVector.objects.filter(
                reference__in=queries.searchable_references().filter(pk__in=some),
                embedder_id=self.embedder_id,
            ).values_list("reference_id", "reference__person_id", "vector")
            found = list(rows)
            vectors = [from_bytes(vector) for _, _, vector in found]
            self.live.apply(
                removed=some,
                added=[reference for reference, _, _ in found],
                persons=[person for _, person, _ in found],
                vectors=np.stack(vectors) if vectors else None,
            )


def _settled_time() -> datetime:
    """Before this, no transaction is open any more. SQLite writes one at a time, so numbers come in order."""
    return timezone.now() - (timedelta() if connection.vendor == "sqlite" else OVERLAP)


def _settled_change(embedder_id: str) -> int:
    rows = GalleryChange.objects.filter(embedder_id=embedder_id, at__lte=_settled_time())
    return rows.order_by("-pk").values_list("pk", flat=True).first() or 0


def _open(build: Build | None) -> Index | None:
    if build is None:
        return None
    try:
        return Index.load(settings.INDEX_ROOT / build.directory, build.embedder_id)
    except (IndexUnusable, EmbedderMismatch) as error:
        log.error("Build %s cannot be used, so all references are searched one by one: %s", build.pk, error)
        queue.send("request_build", "the serving build is broken", None, True)
        return None


def follower(embedder: Embedder) -> Follower:
    """This process's follower for an embedder."""

    def make() -> Follower:
        limit_threads(engine.threads())
        return Follower(embedder.id, embedder.dimension)

    return engine.once(f"follower {embedder.id}", make)


def search(
    embedder: Embedder, vectors: Embeddings, k: int, *, is_fresh: bool = False
) -> list[list[Neighbour]]:
    """The `k` nearest references of each row, as the gallery stands now, or stood at the last refresh."""
    current = follower(embedder)
    if not is_fresh:
        current.refresh()
    return current.live.search(vectors, k)
