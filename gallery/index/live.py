"""The index that this process searches, kept in step with the database by a cheap check before each search."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import PurePath

import numpy as np
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from gallery.history.changeset import split_into_chunks
from gallery.index.engine import load_once, threads_per_photo
from gallery.index.feed import get_latest_change_id
from gallery.index.selectors import get_active_build
from gallery.jobs import dispatch
from gallery.models import Build, GalleryChange, Person, Reference, ReferenceVector
from gallery.models.people import get_folder_name
from recognition.errors import EmbedderMismatch, IndexUnusable
from recognition.index import Index, LiveIndex, Part, limit_threads
from recognition.types import Embedder, Embeddings, Neighbour

log = logging.getLogger(__name__)
MAX_TRANSACTION_AGE = timedelta(seconds=60)  # one that was open this long may still show an older change
REFERENCES_PER_PART = 5_000  # references read from the database at once


class IndexFollower:
    """A live index and how far it has followed the feed of changes."""

    def __init__(self, embedder_id: str, dimension: int) -> None:
        self.embedder_id = embedder_id
        self.dimension = dimension
        self.live = LiveIndex(embedder_id, dimension)
        self.build: int | None = None
        self._is_loaded = False
        self.horizon = 0  # every change up to here has been followed
        self._seen: set[int] = set()  # changes above the horizon that have been followed
        self._expired: set[int] = set()  # people whose consent has expired, and who are no longer searched
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take up a new build and every change since."""
        with self._lock:
            build = get_active_build(self.embedder_id)
            if not self._is_loaded or (build.pk if build else None) != self.build:
                self._load(build)
            self._follow()
            self._mask()

    def _load(self, build: Build | None) -> None:
        self.horizon = get_latest_change_id(self.embedder_id, at__lte=_settled_time())
        index = None
        if build is not None:
            try:
                index = open_index(build)
            except (IndexUnusable, EmbedderMismatch) as error:
                log.error(
                    "Build %s cannot be used, so all references are searched one by one: %s", build.pk, error
                )
                dispatch.send_task("request_build", "the serving build is broken", None, True)
        self.live = LiveIndex(self.embedder_id, self.dimension, index)
        self.build, self._seen, self._expired = (build.pk if build else None), set(), set()
        if build is not None and index is not None:
            self.horizon = build.upto_change
        elif parts := list(stream_vector_parts(self.embedder_id)):
            self.live.apply(
                added=np.concatenate([part.ids for part in parts]),
                persons=np.concatenate([part.persons for part in parts]),
                vectors=np.concatenate([part.vectors for part in parts]),
            )
        self._is_loaded = True

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
        """Consent expires by date, which no change announces, so look at the date each time."""
        now = set(Person.objects.with_expired_consent().values_list("pk", flat=True))
        if now == self._expired:
            return
        turned = Reference.objects.filter(person__in=now ^ self._expired).order_by("pk")
        self._sync(list(turned.values_list("pk", flat=True)))
        self._expired = now

    def _sync(self, references: list[int]) -> None:
        """Bring these references to what the database says of them now."""
        for some in split_into_chunks(references):
            rows = ReferenceVector.objects.filter(
                reference__in=Reference.objects.searchable().filter(pk__in=some),
                embedder_id=self.embedder_id,
            ).values_list("reference_id", "reference__person_id", "vector")
            found = list(rows)
            vectors = [vector for _, _, vector in found]
            self.live.apply(
                removed=some,
                added=[reference for reference, _, _ in found],
                persons=[person for _, person, _ in found],
                vectors=np.stack(vectors) if vectors else None,
            )


def _settled_time() -> datetime:
    """Before this, no transaction is open any more. SQLite writes one at a time, so numbers come in order."""
    return timezone.now() - (timedelta() if connection.vendor == "sqlite" else MAX_TRANSACTION_AGE)


def open_index(build: Build) -> Index:
    return Index.load(settings.INDEX_ROOT / build.directory, build.embedder_id)


def get_index_follower(embedder: Embedder) -> IndexFollower:
    """This process's follower for an embedder."""

    def make() -> IndexFollower:
        limit_threads(threads_per_photo())
        return IndexFollower(embedder.id, embedder.dimension)

    return load_once(f"follower {embedder.id}", make)


def find_nearest_references(
    embedder: Embedder, vectors: Embeddings, k: int, *, is_fresh: bool = False
) -> list[list[Neighbour]]:
    """The `k` nearest references of each row, as the gallery stands now, or stood at the last refresh."""
    current = get_index_follower(embedder)
    if not is_fresh:
        current.refresh()
    return current.live.search(vectors, k)


def searchable_vectors(embedder_id: str) -> QuerySet[ReferenceVector]:
    """In the order of the references' numbers."""
    searchable = Reference.objects.searchable()
    return ReferenceVector.objects.filter(embedder_id=embedder_id, reference__in=searchable).order_by(
        "reference_id"
    )


def _map_to_folders(names: Iterable[str], images: Iterable[str]) -> list[str]:
    """Paths as other programs expect them, which read a person's name from the folder; nothing lies there."""
    return [
        f"people/{get_folder_name(name)}/{PurePath(image).name}"
        for name, image in zip(names, images, strict=True)
    ]


def stream_vector_parts(embedder_id: str, pictures: Mapping[int, str] | None = None) -> Iterator[Part]:
    """Ids, persons, vectors, names and pictures, by person; or where `pictures` says they are, with columns."""
    fields = ["reference_id", "reference__person_id", "vector", "reference__image", "reference__person__name"]
    if pictures is not None:
        fields.append("reference__source_columns")
    rows, last = searchable_vectors(embedder_id).values_list(*fields), 0
    while some := list(rows.filter(reference_id__gt=last)[:REFERENCES_PER_PART]):
        ids, persons, vectors, images, names, *columns = zip(*some, strict=True)
        yield Part(
            np.array(ids, np.int64),
            np.array(persons, np.int64),
            np.stack(vectors),
            [pictures[pk] for pk in ids] if pictures is not None else _map_to_folders(names, images),
            names,
            *columns,
        )
        last = ids[-1]
