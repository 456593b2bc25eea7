"""The directory of one build: its layout, its ``infos.json``, and writing it so that it is whole or absent.

The layout is that of clip-retrieval and AutoFaiss, so plain ``faiss`` and ``pandas`` open it::

    img_emb/img_emb_0.npy          float32 (rows, dimension), unit vectors, row after row over all parts
    metadata/metadata_0.parquet    image_path, person, reference, person_id; the same rows in the same order
    knn.index                      what AutoFaiss built; infos.json says what it answers: products or distances
    infos.json                     AutoFaiss's own keys, and ours under "facesite"
    ids.npy, persons.npy           int64 (rows,): the reference and the person of each row

``recognition.index.foreign`` reads galleries made elsewhere.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recognition.errors import EmbedderMismatch, IndexUnusable
from recognition.files import sync_path

FORMAT_VERSION = 1
INDEX_FILE, INFOS_FILE, IDS_FILE, PERSONS_FILE = "knn.index", "infos.json", "ids.npy", "persons.npy"
EMBEDDINGS_FOLDER, METADATA_FOLDER = "img_emb", "metadata"
PARTIAL_PREFIX = ".partial-"


@dataclass(frozen=True, slots=True)
class BuildFigures:
    """What was measured when an index was built. Times are of this machine, at that moment."""

    embedder_id: str
    count: int
    dimension: int
    index_key: str  # the kind of index, as AutoFaiss or Faiss's factory names it: "Flat" is exact
    index_param: str  # its search effort, as in "nprobe=16"; "" where there is none
    recall: float  # share of sampled faces whose nearest reference is the one exact search finds
    milliseconds_per_photo: float  # ten faces searched as one batch, the least of some rounds
    exact_milliseconds_per_photo: float | None  # the same for exact search, where it was measured
    bytes: int  # size of knn.index
    max_query_ms: float  # the budgets the build was given; recall and memory come before the first
    max_bytes: int
    reason: str  # why this kind: see ``policy.Reason``
    build_seconds: float
    sha256: str  # of knn.index
    # As AutoFaiss measures them; None where there was nothing to measure. Builds of earlier versions lack them.
    search_ms: float | None = None  # of one vector at a time, on average
    search_ms_99p: float | None = None
    reconstruction_error: float | None = None  # share of its length by which what is kept of a vector is off
    metric_type: str | None = None  # what knn.index answers: "ip" or "l2", as in METRICS

    @property
    def is_exact(self) -> bool:
        return self.index_key == "Flat"

    @property
    def is_over_time(self) -> bool:
        return self.milliseconds_per_photo > 10 * self.max_query_ms

    @property
    def is_over_memory(self) -> bool:
        return self.bytes > self.max_bytes


@contextmanager
def create_build_directory(directory: Path) -> Iterator[Path]:
    """A temporary sibling to write into; it takes the name ``directory`` only if the block ends well.

    Raises FileExistsError when ``directory`` is already there: a build never overwrites another.
    """
    if directory.exists():
        raise FileExistsError(f"{directory} already exists; every build gets a new directory")
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = directory.parent / f"{PARTIAL_PREFIX}{directory.name}-{uuid.uuid4().hex[:12]}"
    partial.mkdir()
    try:
        yield partial
        sync_tree(partial)
        partial.rename(directory)
        sync_path(directory.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def remove_partials(parent: Path) -> list[Path]:
    """Delete what killed builds left under ``parent``. Only for whoever holds the right to build there."""
    left = sorted(path for path in parent.glob(f"{PARTIAL_PREFIX}*") if path.is_dir())
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return left


def sync_tree(root: Path) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        sync_path(path)
    sync_path(root)


METRICS = {  # in AutoFaiss's words, and in plain ones
    "ip": "inner products: the larger, the nearer",
    "l2": "squared distances: the smaller, the nearer; the inner product is 1 - distance / 2",
}


def write_infos(directory: Path, figures: BuildFigures) -> None:
    """``infos.json``: the keys AutoFaiss writes, then what only we know."""
    error = figures.reconstruction_error
    infos = {
        "index_key": figures.index_key,
        "index_param": figures.index_param,
        "index_path": INDEX_FILE,
        "size in bytes": figures.bytes,
        "avg_search_speed_ms": figures.search_ms,
        "99p_search_speed_ms": figures.search_ms_99p,
        "reconstruction error %": None if error is None else 100 * error,
        "nb vectors": figures.count,
        "vectors dimension": figures.dimension,
        "compression ratio": 4.0 * figures.count * figures.dimension / max(figures.bytes, 1),
        "metric_type": figures.metric_type,
        "answers": METRICS[figures.metric_type or "ip"],
        "facesite": {"format": FORMAT_VERSION, **asdict(figures)},
    }
    (directory / INFOS_FILE).write_text(json.dumps(infos, indent=2) + "\n", encoding="utf-8")


def read_infos(directory: Path) -> dict[str, Any]:
    """The content of ``infos.json``; raises IndexUnusable when it is missing or not JSON."""
    if not directory.is_dir():
        raise IndexUnusable(f"There is no index at {directory}; build one with: manage.py build_index")
    try:
        infos = json.loads((directory / INFOS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise IndexUnusable(f"{directory} has no {INFOS_FILE}; build the index again.") from None
    except (OSError, ValueError) as error:
        raise IndexUnusable(
            f"{directory / INFOS_FILE} cannot be read ({error}); build the index again."
        ) from error
    if not isinstance(infos, dict):
        raise IndexUnusable(f"{directory / INFOS_FILE} does not describe an index; build the index again.")
    return infos


def read_figures(directory: Path, embedder_id: str | None = None) -> BuildFigures:
    """The figures of a build; checks the format and, where one is given, the embedder.

    Raises IndexUnusable, or EmbedderMismatch for an index of another embedder's vectors.
    """
    ours = read_infos(directory).get("facesite")
    if not isinstance(ours, dict) or ours.get("format") != FORMAT_VERSION:
        raise IndexUnusable(
            f"{directory} was not written by this version of Facesite; build the index again, "
            "or bring it in with: manage.py import_gallery"
        )
    try:
        figures = BuildFigures(**{key: value for key, value in ours.items() if key != "format"})
    except TypeError as error:
        raise IndexUnusable(f"{directory / INFOS_FILE} is incomplete; build the index again.") from error
    if embedder_id is not None and figures.embedder_id != embedder_id:
        raise EmbedderMismatch(
            f"The index in {directory} holds vectors of {figures.embedder_id}, not of {embedder_id}; "
            "build the index again."
        )
    return figures
