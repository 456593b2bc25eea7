"""The index that AutoFaiss's own ``build_index`` makes, for who wants what the original script had.

AutoFaiss 2.18 was written for a Faiss of years ago. For inner products its factory refuses some kinds and fails with
those that have OPQ, which it chooses itself where memory is short. Faiss's own makes them all by now and is put in
its place. For some kinds (``IVFn,PQm``) AutoFaiss has no rule of how far to search, which is left to the caller then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recognition.errors import IndexUnusable
from recognition.index.factory import BATCH_BYTES, silence_autofaiss
from recognition.index.files import EMBEDDINGS_FOLDER
from recognition.index.policy import EXACT_KEY
from recognition.index.searcher import get_max_threads

TUNED_KEYS = re.compile(r"Flat|HNSW\d+|IVF\d+,Flat|OPQ\d+_\d+,IVF\d+(_HNSW\d+)?,PQ\d+.*")
MEMORY_SHARE = 1.2  # AutoFaiss wants to see more memory than the index may take


@dataclass(frozen=True, slots=True)
class AutofaissOptions:
    """Of ``build_index``: "ip" or "l2", and a kind as Faiss's factory names it, or none for AutoFaiss to choose."""

    metric: str = "ip"
    key: str = ""


@dataclass(frozen=True, slots=True)
class AutofaissIndex:
    index: Any
    key: str
    param: str  # the search effort, as in "efSearch=5644"
    is_tuned: bool


def has_too_few(key: str, count: int) -> bool:
    """Whether so many vectors are too few to learn the lists and codes of an index of this kind."""
    lists, codes = re.search(r"IVF(\d+)", key), re.search(r",PQ\d+(?:x(\d+))?", key)
    return count < max(int(lists[1]) if lists else 0, 2 ** int(codes[1] or 8) if codes else 0)


def build_with_autofaiss(
    directory: Path, options: AutofaissOptions, max_query_ms: float, max_bytes: int
) -> AutofaissIndex:
    """What ``build_index`` returns for the part files of ``directory``.

    Raises IndexUnusable where it fails or gives nothing.
    """
    is_tuned = TUNED_KEYS.fullmatch(options.key or EXACT_KEY) is not None
    with silence_autofaiss():
        build_index = _load_build_index()
        try:
            index, infos = build_index(
                str(directory / EMBEDDINGS_FOLDER),
                save_on_disk=False,
                index_path=None,
                index_infos_path=None,
                index_key=options.key or None,
                index_param=None if is_tuned else "nprobe=1",
                max_index_query_time_ms=max_query_ms,
                max_index_memory_usage=f"{max_bytes}B",
                current_memory_available=f"{int(MEMORY_SHARE * max_bytes) + BATCH_BYTES}B",
                metric_type=options.metric,
                nb_cores=get_max_threads(),
            )
        except (RuntimeError, ValueError, TypeError, MemoryError, NotImplementedError) as error:
            reason = str(error).rsplit("failed: ", 1)[-1]  # what Faiss says after the place in its source
            raise IndexUnusable(f"AutoFaiss could not build a {options.key} index: {reason}") from error
    if index is None or infos is None:
        raise IndexUnusable(
            f"AutoFaiss built no {options.key} index within {max_bytes / 2**20:,.0f} MB; allow more memory, or name "
            "another kind."
        )
    return AutofaissIndex(index, infos["index_key"], infos["index_param"], is_tuned)


def _load_build_index() -> Any:
    """AutoFaiss's, mended: with Faiss's own factory, and leaving this process's logging as it is."""
    import faiss
    from autofaiss import build_index
    from autofaiss.external import quantize
    from autofaiss.indices import training

    training.index_factory = faiss.index_factory
    quantize.setup_logging = lambda logging_level: None
    return build_index
