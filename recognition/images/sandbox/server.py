"""The decoding process: answers one request after the other under limits of memory and time."""

from __future__ import annotations

import ctypes
import json
import logging
import mmap
import os
import resource
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recognition.errors import ImageError
from recognition.images.limits import Limits
from recognition.images.pages import extract_page
from recognition.images.reader import make_rendition, probe_photo, read_photo, read_regions
from recognition.images.sandbox.landlock import confine_process
from recognition.images.sandbox.wire import (
    DecoderGone,
    Message,
    create_shared_file,
    info_to_message,
    names_to_message,
    receive_message,
    send_message,
    write_all,
)
from recognition.images.sidecars import MAX_SIDECAR_BYTES, read_sidecar
from recognition.images.source import Turned, open_source
from recognition.types import Box, Image

_TIRED_AFTER = 2_000  # photos; then a fresh process takes over, whatever leaks
_TIRED_MEMORY = 400_000_000  # bytes still held after a photo
_NEW_PRIVILEGES, _DUMPABLE = 38, 4  # prctl
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # unshare

Answer = tuple[Message, int | None]  # what to say, and a shared file to send along


def serve_requests(handle: int) -> None:
    _lock_down()
    with socket.socket(fileno=handle) as line:
        send_message(line, {"ready": True})
        _silence_libraries()
        served = 0
        while True:
            try:
                request, handles = receive_message(line)
            except DecoderGone:
                return
            served += 1
            _answer_request(line, request, handles[0], served)


def _lock_down() -> None:
    """No core dumps and, where the system lets us, no new privileges, no network and no files of the site's."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; its end ends us
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_NEW_PRIVILEGES, 1, 0, 0, 0)
        library.prctl(_DUMPABLE, 0, 0, 0, 0)
        library.unshare(_NEW_USER | _NEW_NETWORK)
        confine_process()


def _silence_libraries() -> None:
    """Decoders written in C print complaints about hostile files; our own tracebacks still get out."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 2)
    warnings.simplefilter("ignore")
    logging.disable()


def _answer_request(line: socket.socket, request: Message, handle: int, served: int) -> None:
    limits = Limits(**request["limits"])
    result: int | None = None
    with os.fdopen(handle, "rb") as file:
        _set_allowance(limits)
        try:
            message, result = _REQUEST_HANDLERS[request["do"]](
                Turned(file, request["quarters"]), limits, request
            )
        except ImageError as problem:
            message = {"error": type(problem).__name__, "code": problem.code, "params": dict(problem.params)}
        except MemoryError:
            message = {"error": "memory"}
        signal.setitimer(signal.ITIMER_REAL, 0)
    is_swollen = read_process_memory("VmRSS") > _TIRED_MEMORY or message.get("error") == "memory"
    message["tired"] = is_swollen or served >= _TIRED_AFTER
    send_message(line, message, () if result is None else (result,))
    if result is not None:
        os.close(result)


def read_process_memory(figure: str, process: int | str = "self") -> int:
    """Bytes of memory a process holds ("VmRSS") or held at most ("VmHWM"); 0 where the system does not say. The
    figures of getrusage will not do: they start at what the parent held."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith(f"{figure}:")), "none: 0 kB")
    return int(line.split()[1]) * 1024


def _set_allowance(limits: Limits) -> None:
    """Set this file's allowance; exceeding it kills the process, which the parent reports."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, resource.RLIM_INFINITY))
    until = int(time.process_time() + limits.seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_REAL, limits.seconds + 2)


def _answer_probe(file: Turned, limits: Limits, request: Message) -> Answer:
    return {"info": info_to_message(probe_photo(file, limits))}, None


def _answer_read(file: Turned, limits: Limits, request: Message) -> Answer:
    handles: list[int] = []

    def allocate(height: int, width: int) -> Image:
        handles.append(create_shared_file(height * width * 3))
        memory = mmap.mmap(handles[0], height * width * 3)
        return np.frombuffer(memory, np.uint8).reshape(height, width, 3)

    try:
        photo = read_photo(
            file, limits, max_side=request["max_side"], at_least=request["at_least"], allocate=allocate
        )
    except ImageError:
        for handle in handles:
            os.close(handle)
        raise
    return {
        "info": info_to_message(photo.info),
        "shape": photo.pixels.shape[:2],
        "lie": [photo.across, photo.down, photo.left, photo.top],
        "is_cut_off": photo.is_cut_off,
    }, handles[0]


def _answer_regions(file: Turned, limits: Limits, request: Message) -> Answer:
    boxes = [Box(*edges) for edges in request["boxes"]]
    regions = read_regions(file, boxes, limits, max_side=request["max_side"])
    handle = create_shared_file()
    for region in regions:
        write_all(handle, region.pixels.data.cast("B"))
    said = [
        [*region.pixels.shape[:2], region.box.left, region.box.top, region.box.width, region.box.height]
        for region in regions
    ]
    return {"regions": said}, handle


def _answer_derive(file: Turned, limits: Limits, request: Message) -> Answer:
    content = make_rendition(
        file, request["max_side"], limits, form=request["form"], quality=request["quality"]
    )
    handle = create_shared_file()
    write_all(handle, content)
    return {"bytes": len(content)}, handle


def _answer_page(file: Turned, limits: Limits, request: Message) -> Answer:
    content = extract_page(file, request["number"], limits)
    if content is None:
        return {"bytes": 0}, None
    handle = create_shared_file()
    write_all(handle, content)
    return {"bytes": len(content)}, handle


def _answer_sidecar(file: Turned, limits: Limits, request: Message) -> Answer:
    with open_source(file) as sidecar:
        sidecar.seek(0)
        said = sidecar.read(MAX_SIDECAR_BYTES + 1)
    found, contacts = read_sidecar(said, request["suffix"], request["contacts"])
    files = [[name, names_to_message(tags)] for name, tags in found.items()]
    content = json.dumps({"files": files, "contacts": contacts}).encode()
    handle = create_shared_file()
    write_all(handle, content)
    return {"bytes": len(content)}, handle


_REQUEST_HANDLERS: dict[str, Callable[[Turned, Limits, Message], Answer]] = {
    "probe": _answer_probe,
    "read": _answer_read,
    "regions": _answer_regions,
    "derive": _answer_derive,
    "page": _answer_page,
    "sidecar": _answer_sidecar,
}
