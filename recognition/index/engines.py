"""What an engine does that keeps the index: files made by AutoFaiss, or the collections of Milvus.

A site's files are kept by ``gallery.index.engines``, which has its storage; Milvus by ``recognition.index.milvus``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recognition.index.builder import Progress
from recognition.index.files import BuildFigures
from recognition.index.parts import Part
from recognition.index.searchable import SearchableIndex


class IndexEngine(Protocol):
    """Makes, opens and drops builds. A build has a name, that of its embedder and a slash at its beginning.

    Raises IndexAway where the engine is a server that does not answer.
    """

    @property
    def takes_changes(self) -> bool:
        """Whether changes are written to the build that serves. Of the others a new one is made."""
        ...

    @property
    def erases_in_place(self) -> bool:
        """Whether ``compact`` frees what was removed. Where not, a new build is made and the old one dropped."""
        ...

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
        """A new build, whole or absent. Raises IndexUnusable for bad vectors, BuildCancelled when it was stopped."""
        ...

    def open(self, name: str, embedder_id: str) -> SearchableIndex:
        """Raises IndexUnusable for what is missing or broken, EmbedderMismatch for other vectors."""
        ...

    def drop(self, name: str) -> None:
        """No error where there is nothing."""
        ...

    def list_names(self, embedder_id: str) -> list[str]:
        """All there are of an embedder, those that a killed process left among them."""
        ...

    def write(self, name: str, removed: NDArray[np.int64], changed: Part) -> None:
        """Take these out of a build, and put those in or in the place of what it holds of them."""
        ...

    def compact(self, name: str) -> None:
        """Ask that what was removed leaves the disk, and wait until that is done."""
        ...
