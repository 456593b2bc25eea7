"""Embeddings as the database keeps them: little-endian float32 bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = bytes | bytearray | memoryview


def to_bytes(vector: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(vector, "<f4").tobytes()


def from_bytes(content: Bytes) -> NDArray[np.float32]:
    return np.frombuffer(content, "<f4").astype(np.float32)
