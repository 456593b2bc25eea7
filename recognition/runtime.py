"""ONNX Runtime sessions, all opened in one place: providers, threads, memory and logs set the same way."""

from __future__ import annotations

import functools
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from recognition.errors import WeightsCorrupt
from recognition.weights import require_package

Array = NDArray[Any]
log = logging.getLogger(__name__)
CARDS = (
    Path("/dev/nvidiactl"),
    Path("/dev/dxg"),
)  # where Linux, and Linux inside Windows, have NVIDIA's cards
VNNI = {"avx512_vnni", "avx_vnni"}  # as Linux names them


class Node(Protocol):
    """An input or output of a model; a free dimension is a string or None in ``shape``."""

    name: str
    shape: list[int | str | None]


class Session(Protocol):
    """The part of ``onnxruntime.InferenceSession`` used here; ``run`` may be called from many threads."""

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Array]) -> list[Array]: ...
    def get_inputs(self) -> list[Node]: ...
    def get_outputs(self) -> list[Node]: ...
    def get_providers(self) -> list[str]: ...


def multiplies_eight_bits(processor: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has an instruction that multiplies and sums eight-bit numbers without overflow (VNNI).

    False where nothing says so.
    """
    try:
        flags = re.search(r"^flags\s*:(.*)$", processor.read_text(), re.MULTILINE)
    except OSError:
        return False
    return flags is not None and not VNNI.isdisjoint(flags.group(1).split())


def open_session(model: Path | bytes, threads: int | None = None) -> Session:
    """A model opened for running, on CUDA when the installed ONNX Runtime has it, else on the processor.

    ``threads`` is the number of processor threads one call may use; None means one per core. Raises
    WeightsMissing when ONNX Runtime is not installed and WeightsCorrupt when the model cannot be opened.
    """
    require_package("onnxruntime", "Running a network")
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    ort.set_default_logger_severity(3)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    # Threads that wait by spinning take the processor from whatever else has work, other workers above all.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Batches and images come in many sizes: plans remembered per size would only grow.
    options.enable_mem_pattern = False
    source = str(model) if isinstance(model, Path) else model
    providers = _list_providers(ort.get_available_providers())
    if len(providers) > 1:
        ort.preload_dlls()  # CUDA's, where they were installed as packages
    unreadable = (
        errors.Fail,
        errors.InvalidProtobuf,
        errors.InvalidGraph,
        errors.NoSuchFile,
        errors.NotImplemented,
    )
    try:
        opened = ort.InferenceSession(source, options, providers=providers)
    except (*unreadable, errors.InvalidArgument, errors.RuntimeException) as error:
        where = model.name if isinstance(model, Path) else "in memory"
        raise WeightsCorrupt(f"ONNX Runtime cannot open the model {where}: {error}") from error
    if len(providers) > 1 and "CUDAExecutionProvider" not in opened.get_providers():
        _say_no_card_once()
    return cast(Session, opened)


class LazySession:
    """A session that the first call opens; ``find_model`` gives its file then, and may write it first."""

    def __init__(self, find_model: Callable[[], Path], threads: int | None = None) -> None:
        self._find_model, self._threads = find_model, threads
        self._opened: Session | None = None
        self._opening = threading.Lock()

    def open(self) -> Session:
        """Raises what ``find_model`` and ``open_session`` raise."""
        with self._opening:
            if self._opened is None:
                self._opened = open_session(self._find_model(), self._threads)
            return self._opened


def _list_providers(available: Sequence[str]) -> list[str | tuple[str, dict[str, str]]]:
    providers: list[str | tuple[str, dict[str, str]]] = []
    if "CUDAExecutionProvider" in available and not any(path.exists() for path in CARDS):
        _say_no_card_once()
    elif "CUDAExecutionProvider" in available:
        # TF32 rounds to ten bits, which is visible in the vectors.
        exact = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
        providers.append(("CUDAExecutionProvider", {"arena_extend_strategy": "kSameAsRequested", **exact}))
    providers.append(("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"}))
    return providers


@functools.cache
def _say_no_card_once() -> None:
    log.warning("No graphics card can be used here, so networks run on the processor.")
