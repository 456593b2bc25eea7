"""The engines that keep builds: files in the site's storage, or Milvus. A build's name tells whose it is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from gallery.index.engine import load_once
from gallery.models.storage import INDEX_AREA, get_storage
from recognition import index
from recognition.index import AutofaissOptions, BuildFigures, Index, Part, SparkOptions, builder
from recognition.index.builder import Progress
from recognition.index.engines import IndexEngine
from recognition.index.milvus import SCHEME, MilvusEngine


class FileEngine:
    """Builds are folders, written once by AutoFaiss and mapped into memory by every process of a host."""

    takes_changes = False
    erases_in_place = False

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
        storage = get_storage(INDEX_AREA)
        is_asked = settings.INDEX_POLICY == "autofaiss"
        figures = builder.build(
            parts,
            storage.local_path(name),
            embedder_id=embedder_id,
            dimension=dimension,
            max_query_ms=settings.INDEX_MAX_QUERY_MS,
            max_memory=settings.INDEX_MAX_MEMORY,
            autofaiss=AutofaissOptions(settings.INDEX_METRIC, settings.INDEX_KEY) if is_asked else None,
            spark=SparkOptions(
                settings.SPARK_MASTER,
                settings.SPARK_MIN_VECTORS,
                settings.SPARK_PARTITIONS,
                settings.SPARK_FOLDER,
            )
            if settings.SPARK_MASTER
            else None,
            progress=progress,
            cancelled=cancelled,
        )
        try:
            storage.put_folder(name)
        except OSError:
            storage.delete_folder(name)
            raise
        return figures

    def open(self, name: str, embedder_id: str) -> Index:
        return Index.load(get_storage(INDEX_AREA).fetch_folder(name), embedder_id)

    def drop(self, name: str) -> None:
        get_storage(INDEX_AREA).delete_folder(name)

    def list_names(self, embedder_id: str) -> list[str]:
        return [folder.name for folder in get_storage(INDEX_AREA).list_folders(f"{embedder_id}/*")]

    def drop_partials(self, embedder_id: str) -> None:
        """What killed builds left on this computer."""
        parent = get_storage(INDEX_AREA).local_path(embedder_id)
        parent.mkdir(parents=True, exist_ok=True)
        index.remove_partials(parent)

    def write(self, name: str, removed: NDArray[np.int64], changed: Part) -> None:
        raise NotImplementedError("files are not written to; make a new build")

    def compact(self, name: str) -> None:
        raise NotImplementedError("files are not written to; make a new build")


FILES = FileEngine()


def get_index_engine() -> IndexEngine:
    """The engine that new builds are made with."""
    return get_milvus() if settings.INDEX_ENGINE == "milvus" else FILES


def get_engine_of(name: str) -> IndexEngine:
    """The engine that keeps this build, whichever makes new ones."""
    return get_milvus() if name.startswith(SCHEME) else FILES


def list_engines() -> list[IndexEngine]:
    """All that may keep builds of this site."""
    return [FILES, get_milvus()] if settings.MILVUS_URI else [FILES]


def is_kept_elsewhere(name: str) -> bool:
    """Whether the settings name another engine than that which keeps this build. Connects to none."""
    return name.startswith(SCHEME) != (settings.INDEX_ENGINE == "milvus")


def name_build(embedder_id: str, pk: int) -> str:
    """A name that no build has had."""
    chance = uuid.uuid4().hex[:8]
    return (
        f"{SCHEME}{embedder_id}/{pk}_{chance}"
        if settings.INDEX_ENGINE == "milvus"
        else f"{embedder_id}/{pk}-{chance}"
    )


def get_milvus() -> MilvusEngine:
    options = (settings.MILVUS_URI, settings.MILVUS_TOKEN, settings.MILVUS_DATABASE, settings.MILVUS_INDEX)
    return load_once(" ".join(("milvus", *options)), lambda: MilvusEngine(*options))
