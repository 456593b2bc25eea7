"""The functions of ``recognition.images``, run in a process of their own where no file can do harm.

The process is kept and used again. It has limits on memory and time (``Limits.memory_bytes``,
``Limits.seconds``), gets the open file instead of its path, sees no environment of the site's and, where the
system allows, no network. A file that makes it crash, hang or swell costs that process and ends as
ImageError. It dies with the process that uses it. Threads may call these functions at the same time, and so
may Celery's worker processes: each has its own decoders. Results and errors are those of
``recognition.images``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, TypeVar

from recognition.errors import ImageError, ImageTooLarge
from recognition.images.limits import DEFAULT_LIMITS, Limits
from recognition.images.names import clean_name
from recognition.images.photo import Photo, Region
from recognition.images.sandbox.pool import get_shared_pool
from recognition.images.sandbox.wire import (
    DecoderGone,
    Message,
    create_shared_file,
    info_from_message,
    map_shared_file,
    names_from_message,
    write_all,
)
from recognition.images.sidecars import Contacts, NamesOfFiles
from recognition.images.source import ImageInfo, Source, Turned, open_regular_file
from recognition.types import Box

__all__ = [
    "close_decoders",
    "extract_page",
    "make_rendition",
    "probe_photo",
    "read_photo",
    "read_photos_ahead",
    "read_region",
    "read_regions",
    "read_sidecar",
    "start_decoder",
]

_Result = TypeVar("_Result")
_Unpack = Callable[[Message, list[int]], _Result]


def start_decoder() -> None:
    """Start a decoding process in the background, so that the first photo need not wait for it."""
    get_shared_pool().start()


def close_decoders() -> None:
    """End this process's decoders; the next call starts new ones."""
    get_shared_pool().close()


def probe_photo(source: Source, limits: Limits = DEFAULT_LIMITS) -> ImageInfo:
    return _ask_decoder(source, limits, {"do": "probe"}, lambda answer, _: info_from_message(answer["info"]))


def read_photo(
    source: Source,
    limits: Limits = DEFAULT_LIMITS,
    *,
    max_side: int | None = None,
    at_least: int | None = None,
) -> Photo:
    return _ask_decoder(
        source, limits, {"do": "read", "max_side": max_side, "at_least": at_least}, _unpack_photo
    )


def read_regions(
    source: Source, boxes: Sequence[Box], limits: Limits = DEFAULT_LIMITS, *, max_side: int | None = None
) -> list[Region]:
    if not boxes:
        return []
    sides = [[float(side) for side in (box.left, box.top, box.width, box.height)] for box in boxes]
    return _ask_decoder(
        source, limits, {"do": "regions", "boxes": sides, "max_side": max_side}, _unpack_regions
    )


def read_region(
    source: Source, box: Box, limits: Limits = DEFAULT_LIMITS, *, max_side: int | None = None
) -> Region:
    return read_regions(source, [box], limits, max_side=max_side)[0]


def make_rendition(
    source: Source,
    max_side: int,
    limits: Limits = DEFAULT_LIMITS,
    *,
    form: str = "WEBP",
    quality: int = 82,
) -> bytes:
    request = {"do": "derive", "max_side": max_side, "form": form, "quality": quality}
    return _ask_decoder(source, limits, request, _unpack_content)


def extract_page(source: Source, number: int, limits: Limits = DEFAULT_LIMITS) -> bytes | None:
    """See ``recognition.images.pages``, whose ``extract_page`` this is."""
    return _ask_decoder(source, limits, {"do": "page", "number": number}, _unpack_page)


def read_sidecar(
    source: Source, suffix: str, contacts: Mapping[str, str] = {}, limits: Limits = DEFAULT_LIMITS
) -> tuple[NamesOfFiles, Contacts]:
    """See ``recognition.images.sidecars``, whose ``read_sidecar`` this is."""
    request = {"do": "sidecar", "suffix": suffix, "contacts": dict(contacts)}
    return _ask_decoder(source, limits, request, _unpack_sidecar)


def read_photos_ahead(
    sources: Iterable[Source],
    limits: Limits = DEFAULT_LIMITS,
    *,
    ahead: int = 2,
    max_side: int | None = None,
    at_least: int | None = None,
) -> Iterator[tuple[Source, Photo | ImageError]]:
    """Read photos in order while the caller works on the ones before; at most ``ahead`` wait in memory."""
    waiting: list[tuple[Source, Future[Photo]]] = []
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        for source in sources:
            waiting.append(
                (source, reader.submit(read_photo, source, limits, max_side=max_side, at_least=at_least))
            )
            if len(waiting) > ahead:
                yield _get_outcome(*waiting.pop(0))
        while waiting:
            yield _get_outcome(*waiting.pop(0))


def _get_outcome(source: Source, future: Future[Photo]) -> tuple[Source, Photo | ImageError]:
    try:
        return source, future.result()
    except ImageError as problem:
        return source, problem


def _ask_decoder(
    source: Source,
    limits: Limits,
    request: Message,
    unpack: _Unpack[_Result],
) -> _Result:
    source = source if isinstance(source, Turned) else Turned(source, 0)
    request = {**request, "quarters": source.quarters, "limits": asdict(limits)}
    with _open_handle(source.file, limits) as handle:
        answer, handles = get_shared_pool().ask(request, handle, limits)
    try:
        return unpack(answer, handles)
    except (DecoderGone, LookupError, TypeError, ValueError) as problem:
        raise ImageError("decoder_failed") from problem
    finally:
        for extra in handles:
            os.close(extra)


@contextmanager
def _open_handle(source: str | Path | bytes | BinaryIO, limits: Limits) -> Iterator[int]:
    """An open file for the decoder, whose position nobody else uses."""
    if isinstance(source, str | Path):
        with open_regular_file(Path(source)) as file:
            yield file.fileno()
        return
    if not isinstance(source, bytes):
        source.seek(0)
        source = source.read(limits.bytes + 1)
    if len(source) > limits.bytes:
        raise ImageTooLarge("over_the_bytes", limit=f"{limits.bytes / 1e6:.0f}")
    handle = create_shared_file()
    try:
        write_all(handle, source)
        yield handle
    finally:
        os.close(handle)


def _unpack_photo(answer: Message, handles: list[int]) -> Photo:
    height, width = (int(side) for side in answer["shape"])
    pixels = map_shared_file(handles[0], height * width * 3).reshape(height, width, 3)
    across, down, left, top = (float(value) for value in answer["lie"])
    info, is_cut_off = info_from_message(answer["info"]), bool(answer["is_cut_off"])
    return Photo(pixels, info, across, down, left, top, is_cut_off)


def _unpack_regions(answer: Message, handles: list[int]) -> list[Region]:
    regions, start = [], 0
    total = sum(int(height) * int(width) * 3 for height, width, *_ in answer["regions"])
    content = map_shared_file(handles[0], total)
    for height, width, *edges in answer["regions"]:
        end = start + int(height) * int(width) * 3
        regions.append(Region(content[start:end].reshape(int(height), int(width), 3), Box(*edges)))
        start = end
    return regions


def _unpack_content(answer: Message, handles: list[int]) -> bytes:
    return map_shared_file(handles[0], int(answer["bytes"])).tobytes()


def _unpack_page(answer: Message, handles: list[int]) -> bytes | None:
    return _unpack_content(answer, handles) if answer["bytes"] else None


def _unpack_sidecar(answer: Message, handles: list[int]) -> tuple[NamesOfFiles, Contacts]:
    said = json.loads(_unpack_content(answer, handles))
    files = {str(file): names_from_message(tags) for file, tags in said["files"]}
    return files, {str(pk): clean_name(name) for pk, name in said["contacts"].items()}
