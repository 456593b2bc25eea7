"""Vectors in Milvus: a collection for each build, to which changes are written while it serves.

The calls are those that a cluster takes; Milvus Lite, a file, takes them too. A collection has the name of its build,
with underscores for signs that Milvus does not allow; it begins with the embedder's id.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.errors import EmbedderMismatch, IndexAway, IndexUnusable
from recognition.index.builder import BuildWatch, Progress
from recognition.index.files import BuildFigures
from recognition.index.measure import NEIGHBOUR_COUNT, TIE_TOLERANCE
from recognition.index.parts import Part, check_vectors
from recognition.index.policy import FACES_PER_PHOTO, Reason
from recognition.index.searchable import Hits, StoredVectors
from recognition.types import Embeddings

SCHEME = "milvus:"  # how names of builds in Milvus begin
PREFIX = "facesite_"  # of collections
ROWS_PER_CALL = 1_000
MAX_FOUND = 16_384  # neighbours that Milvus gives at most
SAMPLE_SIZE = 256  # vectors of the first part, by which recall is measured
TIMEOUT = 10.0  # seconds, after which Milvus is away
BUILD_TIMEOUT = 600.0


@contextmanager
def tell_apart_failures() -> Iterator[None]:
    """Turn Milvus's exceptions into those of this library."""
    from grpc import RpcError
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, RpcError, ConnectionError, OSError) as error:
        raise IndexAway(f"Milvus does not answer as it should: {error}") from error


@dataclass(slots=True)
class MilvusEngine:
    """``uri``: http://host:19530, or a file for Milvus Lite. One site in one database of Milvus.

    ``kind``: of Milvus's indexes, as AUTOINDEX, HNSW, or FLAT, which is exact.
    """

    uri: str
    token: str = ""
    database: str = ""
    kind: str = "AUTOINDEX"
    takes_changes: bool = True
    _client: Any = field(default=None, repr=False)

    @property
    def erases_in_place(self) -> bool:
        """Milvus Lite compacts when it likes to."""
        return "://" in self.uri

    def connect(self) -> Any:
        """Pymilvus's client, which can be used by several threads; connected at first use."""
        if self._client is None:
            from pymilvus import MilvusClient

            with tell_apart_failures():
                self._client = MilvusClient(
                    self.uri, token=self.token, db_name=self.database, timeout=TIMEOUT
                )
        return self._client

    def build(
        self,
        parts: Iterable[Part],
        name: str,
        *,
        embedder_id: str,
        dimension: int,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> BuildFigures:
        started, watch = time.perf_counter(), BuildWatch(progress, cancelled)
        collection = name_collection(name)
        try:
            with tell_apart_failures():
                self._create_collection(collection, dimension)
            sample, count = _RecallSample(), 0
            watch("write", 0)
            for part in parts:
                check_vectors(part.vectors, dimension, part.ids)
                self._insert(collection, part)
                sample.compare(part)
                count += len(part.ids)
                watch("write", count)
            watch("check", count)
            with tell_apart_failures():
                self.connect().flush(collection, timeout=BUILD_TIMEOUT)
            recall, milliseconds = sample.measure(self.open(name, embedder_id))
        except BaseException:
            with suppress(IndexAway):  # whoever keeps builds finds what is left
                self.drop(name)
            raise
        return BuildFigures(
            embedder_id=embedder_id,
            count=count,
            dimension=dimension,
            index_key=f"Milvus {self.kind}",
            index_param="",
            recall=recall,
            milliseconds_per_photo=milliseconds,
            exact_milliseconds_per_photo=None,
            bytes=0,  # of this host
            max_query_ms=0,
            max_bytes=0,
            reason=Reason.MILVUS,
            build_seconds=time.perf_counter() - started,
            sha256="",
            metric_type="ip",
        )

    def _create_collection(self, collection: str, dimension: int) -> None:
        from pymilvus import DataType

        client = self.connect()
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("person", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        wanted = client.prepare_index_params()
        wanted.add_index("vector", index_type=self.kind, metric_type="IP")
        client.create_collection(
            collection, schema=schema, index_params=wanted, consistency_level="Strong", timeout=BUILD_TIMEOUT
        )

    def open(self, name: str, embedder_id: str) -> MilvusIndex:
        collection, client = name_collection(name), self.connect()
        if not name.startswith(f"{SCHEME}{embedder_id}/"):
            raise EmbedderMismatch(f"{name} holds no vectors of {embedder_id}; build the index again.")
        with tell_apart_failures():
            if not client.has_collection(collection):
                raise IndexUnusable(f"Milvus has no collection {collection}; build the index again.")
            about = client.describe_collection(collection)
        dimension = next(int(each["params"]["dim"]) for each in about["fields"] if each["name"] == "vector")
        return MilvusIndex(client, collection, embedder_id, dimension)

    def drop(self, name: str) -> None:
        with tell_apart_failures():
            if self.connect().has_collection(name_collection(name)):
                self.connect().drop_collection(name_collection(name))

    def list_names(self, embedder_id: str) -> list[str]:
        start = name_collection(f"{SCHEME}{embedder_id}/")
        with tell_apart_failures():
            there = self.connect().list_collections()
        return [f"{SCHEME}{embedder_id}/{each[len(start) :]}" for each in there if each.startswith(start)]

    def write(self, name: str, removed: NDArray[np.int64], changed: Part) -> None:
        collection = name_collection(name)
        for start in range(0, len(removed), ROWS_PER_CALL):
            with tell_apart_failures():
                self.connect().delete(collection, ids=removed[start : start + ROWS_PER_CALL].tolist())
        self._insert(collection, changed, is_new=False)

    def _insert(self, collection: str, part: Part, *, is_new: bool = True) -> None:
        client = self.connect()
        for start in range(0, len(part.ids), ROWS_PER_CALL):
            some = slice(start, start + ROWS_PER_CALL)
            columns = (part.ids[some].tolist(), part.persons[some].tolist(), part.vectors[some])
            rows = [
                {"id": number, "person": person, "vector": vector}
                for number, person, vector in zip(*columns, strict=True)
            ]
            with tell_apart_failures():
                (client.insert if is_new else client.upsert)(collection, rows, timeout=BUILD_TIMEOUT)

    def compact(self, name: str) -> None:
        client, collection = self.connect(), name_collection(name)
        with tell_apart_failures():
            client.flush(collection, timeout=BUILD_TIMEOUT)
            job = client.compact(collection)
            deadline = time.monotonic() + BUILD_TIMEOUT
            while client.get_compaction_state(job) != "Completed":
                if time.monotonic() > deadline:
                    raise IndexAway(f"Milvus has not compacted {collection} within {BUILD_TIMEOUT:.0f} s.")
                time.sleep(0.5)


def name_collection(name: str) -> str:
    return PREFIX + re.sub(r"\W", "_", name.removeprefix(SCHEME), flags=re.ASCII)


@dataclass(frozen=True, slots=True)
class MilvusIndex:
    """A collection, opened for searching; see ``SearchableIndex``."""

    client: Any
    collection: str
    embedder_id: str
    dimension: int

    def search_visible(self, vectors: Embeddings, k: int, hidden: NDArray[np.int64]) -> Hits:
        k = min(k, MAX_FOUND)
        with tell_apart_failures():
            found = self.client.search(
                self.collection,
                data=np.ascontiguousarray(vectors, np.float32),
                limit=k,
                filter=f"id not in {hidden.tolist()}" if len(hidden) else "",
                output_fields=["person"],
                consistency_level="Strong",
                timeout=TIMEOUT,
            )
        hits = Hits(
            np.full((len(vectors), k), -1, np.int64),
            np.zeros((len(vectors), k), np.int64),
            np.full((len(vectors), k), -1, np.float32),
        )
        for row, near in enumerate(found):
            for place, hit in enumerate(near):
                hits.ids[row, place], hits.similarities[row, place] = hit["id"], hit["distance"]
                hits.persons[row, place] = hit["entity"]["person"]
        return hits

    def take(self, ids: NDArray[np.int64]) -> StoredVectors:
        places = {number: place for place, number in enumerate(ids.tolist())}
        taken = StoredVectors(
            np.zeros(len(ids), np.bool_),
            np.zeros(len(ids), np.int64),
            np.zeros((len(ids), self.dimension), np.float32),
        )
        for start in range(0, len(ids), ROWS_PER_CALL):
            with tell_apart_failures():
                rows = self.client.query(
                    self.collection,
                    ids=ids[start : start + ROWS_PER_CALL].tolist(),
                    output_fields=["person", "vector"],
                    consistency_level="Strong",
                    timeout=TIMEOUT,
                )
            for row in rows:
                place = places[row["id"]]
                taken.is_known[place], taken.persons[place] = True, row["person"]
                taken.vectors[place] = row["vector"]
        return taken

    def list_ids(self) -> NDArray[np.int64]:
        ids: list[int] = []
        with tell_apart_failures():
            rows = self.client.query_iterator(
                self.collection, batch_size=MAX_FOUND, output_fields=["id"], consistency_level="Strong"
            )
            while some := rows.next():
                ids += [row["id"] for row in some]
            rows.close()
        return np.array(sorted(ids), np.int64)


@dataclass(slots=True)
class _RecallSample:
    """Some vectors of the first part, and how near the nearest other of all is to each."""

    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    vectors: Embeddings = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    best: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def compare(self, part: Part) -> None:
        if not len(self.ids):
            self.ids, self.vectors = part.ids[:SAMPLE_SIZE], part.vectors[:SAMPLE_SIZE]
            self.best = np.full(len(self.ids), -2, np.float32)
        if not len(part.ids):
            return
        similarities = self.vectors @ part.vectors.T
        similarities[self.ids[:, None] == part.ids] = -2
        np.maximum(self.best, similarities.max(axis=1), out=self.best)

    def measure(self, opened: MilvusIndex) -> tuple[float, float]:
        """Recall, and milliseconds of ten faces as one batch."""
        if not len(self.ids):
            return 1.0, 0.0
        hits = opened.search_visible(self.vectors, 2, np.zeros(0, np.int64))
        others = np.where((hits.ids == self.ids[:, None]) | (hits.ids < 0), -2, hits.similarities)
        recall = float(np.mean(others.max(axis=1) >= self.best - TIE_TOLERANCE))
        started = time.perf_counter()
        opened.search_visible(self.vectors[:FACES_PER_PHOTO], NEIGHBOUR_COUNT, np.zeros(0, np.int64))
        return recall, 1000 * (time.perf_counter() - started)
