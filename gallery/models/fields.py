"""Embeddings as the database stores them: little-endian float32 bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VectorBytes = bytes | bytearray | memoryview


def vector_to_bytes(vector: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(vector, "<f4").tobytes()


def vector_from_bytes(content: VectorBytes) -> NDArray[np.float32]:
    return np.frombuffer(content, "<f4").astype(np.float32)
