"""CLIP's image tower with its matrices in eight bits, used only where that has been shown to change nothing.

Eight bits take a third of the time on a processor. The first faces in an installation go through both
networks and get the vectors of float32; once ``FACES_COMPARED`` of them have shown a cosine of at least
``CLOSE_COSINE`` to each other, the eight-bit network goes on alone; at the first face that shows less,
float32 stays for good. So the vectors of one embedder id are never farther apart than that. The finding is
kept beside the converted models.

Each face goes through the eight-bit network by itself: the scale of its numbers is taken from what it is
given, so in a batch a face's vector would depend on the other faces. Several faces go through it side by
side, each on one thread, which takes two thirds to three quarters of the time of several threads for one face
after the other.

Matrices are written with or without a sign, by the processor: one that multiplies eight bits in an
instruction of its own (VNNI) is quickest with signed ones; without it, sums of two such products overflow
sixteen bits (a cosine of 0.98 instead of 0.9998), which unsigned ones cannot. So what is found on one kind
says nothing of the other.

The eight-bit model is written by a process of its own, because that takes several times the model's memory.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recognition import runtime
from recognition.cores import count_cores
from recognition.embedders.recipe import normalise_vectors
from recognition.errors import WeightsCorrupt
from recognition.runtime import Session, open_session
from recognition.types import Embeddings
from recognition.weights import get_converted_model, write_file

INT8_VERSION = 1
CLOSE_COSINE = 0.999
FACES_COMPARED = 16
PRECISION = f"float32, or int8 within {CLOSE_COSINE}"
FOUND_CLOSE, FOUND_APART = "close", "apart"

SIGNED_TYPE, UNSIGNED_TYPE = "QInt8", "QUInt8"

QUANTISE_PROGRAM = """
import sys
from onnxruntime.quantization import QuantType, quantize_dynamic
weight_type = QuantType[sys.argv[3]]
matrices = {"per_channel": True, "weight_type": weight_type, "op_types_to_quantize": ["MatMul", "Gemm"]}
quantize_dynamic(sys.argv[1], sys.argv[2], **matrices)
"""

Pictures = NDArray[np.float32]


class ClipNetworks:
    """Pictures to unit vectors by the quickest network that may be trusted. Safe to call from several threads."""

    def __init__(self, model: Path, threads: int | None, *, only_float32: bool = False) -> None:
        """``model`` is the float32 image tower; raises WeightsCorrupt when it cannot be turned into eight bits."""
        self._lock = threading.Lock()
        self._exact: Session | None = None
        self._quick: Session | None = None
        self._at_once = threads or count_cores()
        if only_float32:
            self._exact = open_session(model, threads)
            return
        kind = SIGNED_TYPE if runtime.multiplies_eight_bits() else UNSIGNED_TYPE
        key = f"{INT8_VERSION}" if kind == SIGNED_TYPE else f"{INT8_VERSION} {kind}"
        small = get_converted_model(
            f"{model.stem}-int8", lambda path: _quantise_model(model, path, kind), key=key
        )
        self._note = small.with_name(f"{small.stem}-{CLOSE_COSINE}.txt")
        finding = self._finding()
        if finding != FOUND_CLOSE:
            self._exact = open_session(model, threads)
        on_cuda = self._exact is not None and "CUDAExecutionProvider" in self._exact.get_providers()
        if finding != FOUND_APART and not on_cuda:
            self._quick = open_session(small, 1)

    def run(self, pictures: Pictures) -> Embeddings:
        """(n, dimension) unit float32 vectors of pictures (n, 3, side, side)."""
        exact, quick = self._exact, self._quick
        if exact is None:
            return self._each(quick, pictures) if quick else np.empty((0, 0), np.float32)
        vectors = normalise_vectors(_run_network(exact, pictures))
        if quick is not None:
            cosines = np.einsum("nd,nd->n", vectors, self._each(quick, pictures))
            self._learn(len(pictures), bool((cosines >= CLOSE_COSINE).all()))
        return vectors

    def _each(self, network: Session, pictures: Pictures) -> Embeddings:
        """Every picture through the network by itself, as many of them at once as there are threads."""
        at_once = min(self._at_once, len(pictures))
        with ThreadPoolExecutor(at_once, "clip") as pool:
            parts = list(
                pool.map(
                    lambda number: _run_network(network, pictures[number : number + 1]), range(len(pictures))
                )
            )
        return normalise_vectors(np.concatenate(parts))

    def _learn(self, faces: int, are_close: bool) -> None:
        """Note that so many more faces agreed, or that one did not; then drop the network that is not needed."""
        with self._lock:
            if self._exact is None or self._quick is None:
                return
            before = self._finding()
            so_far = faces + (int(before) if before.isdigit() else 0)
            finding = (FOUND_CLOSE if so_far >= FACES_COMPARED else str(so_far)) if are_close else FOUND_APART
            write_file(self._note, finding.encode())
            if finding == FOUND_CLOSE:
                self._exact = None
            elif finding == FOUND_APART:
                self._quick = None

    def _finding(self) -> str:
        """YES, NO, or how many faces have agreed so far."""
        try:
            return self._note.read_text().strip()
        except OSError:
            return "0"


def _run_network(network: Session, pictures: Pictures) -> Embeddings:
    return np.asarray(network.run(None, {"faces": pictures})[0], np.float32)


def _quantise_model(model: Path, path: Path, kind: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", QUANTISE_PROGRAM, str(model), str(path), kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not path.is_file():
        reason = (done.stderr.strip().splitlines() or ["it was ended from outside"])[-1]
        raise WeightsCorrupt(f"{model.name} cannot be turned into eight bits: {reason[:300]}")
