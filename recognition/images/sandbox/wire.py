"""What goes between a process and its decoder: JSON messages and open files over a local socket.

Never pickle: the decoder reads hostile files, so nothing it says may run code here, and whatever it says
is checked before use.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import socket
import struct
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognition.images.moments import Moment
from recognition.images.names import MAX_NAMES, Frame, NameTag, clean_name, make_box
from recognition.images.source import ImageInfo

Message = dict[str, Any]

MESSAGE_BYTES = 4_000_000
_HEADER = struct.Struct("!I")


class DecoderGone(Exception):
    """The other side has closed the socket, or says what it must not."""


def send_message(line: socket.socket, message: Message, handles: tuple[int, ...] = ()) -> None:
    body = json.dumps(message).encode()
    header = _HEADER.pack(len(body))
    try:
        if handles:
            socket.send_fds(line, [header], list(handles))
        else:
            line.sendall(header)
        line.sendall(body)
    except ConnectionError as problem:
        raise DecoderGone from problem


def receive_message(line: socket.socket) -> tuple[Message, list[int]]:
    """One message and the files that came with it, which the caller must close.

    Raises Gone, and TimeoutError as the socket is set.
    """
    try:
        header, handles, _, _ = socket.recv_fds(line, _HEADER.size, 1)
        (size,) = _HEADER.unpack(header + _receive_exactly(line, _HEADER.size - len(header)))
        if size > MESSAGE_BYTES:
            raise DecoderGone
        message = json.loads(_receive_exactly(line, size))
    except (ConnectionError, ValueError) as problem:
        raise DecoderGone from problem
    if not isinstance(message, dict):
        raise DecoderGone
    return message, handles


def _receive_exactly(line: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = line.recv(size - len(parts))
        if not part:
            raise DecoderGone
        parts += part
    return parts


def create_shared_file(size: int = 0) -> int:
    """A file in memory without a name, for handing over; its handle must be closed."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("facesite", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    if size:
        os.ftruncate(handle, size)
    return handle


def write_all(handle: int, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def map_shared_file(handle: int, size: int) -> NDArray[np.uint8]:
    """The first ``size`` bytes of a shared file as an array of our own. Raises Gone when it is shorter."""
    try:
        if hasattr(fcntl, "F_ADD_SEALS"):  # or a file cut short later would kill this process
            fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        if not 0 < size <= os.fstat(handle).st_size:
            raise DecoderGone
        memory = mmap.mmap(handle, size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    except (OSError, ValueError) as problem:
        raise DecoderGone from problem
    return np.frombuffer(memory, np.uint8)


def info_to_message(info: ImageInfo) -> Message:
    moment = info.moment
    said = [moment.at.isoformat(), moment.precision, moment.source] if moment else None
    return asdict(info) | {"moment": said, "names": names_to_message(info.names)}


def info_from_message(message: Message) -> ImageInfo:
    """Checked again: the decoder may have been taken over. Raises Gone."""
    try:
        said = message["moment"]
        return ImageInfo(
            kind=str(message["kind"])[:8],
            width=int(message["width"]),
            height=int(message["height"]),
            orientation=int(message["orientation"]),
            frames=int(message["frames"]),
            moment=Moment(datetime.fromisoformat(said[0]), said[1], said[2]) if said else None,
            has_position=bool(message["has_position"]),
            bytes=int(message["bytes"]),
            rating=None if message["rating"] is None else min(max(int(message["rating"]), 1), 5),
            written_orientation=int(message["written_orientation"]),
            names=tuple(names_from_message(message["names"])),
        )
    except (LookupError, TypeError, ValueError) as problem:
        raise DecoderGone from problem


def names_to_message(tags: Iterable[NameTag]) -> list[Any]:
    """Names and boxes as JSON."""
    return [
        [tag.name, tag.box and [tag.box.left, tag.box.top, tag.box.width, tag.box.height], tag.frame]
        for tag in tags
    ]


def names_from_message(message: list[Any]) -> list[NameTag]:
    """The same, checked again."""
    return [
        NameTag(
            clean_name(name),
            make_box(*map(float, sides)) if sides else None,
            Frame(float(frame[0]), float(frame[1]), frame[2] and tuple(map(float, frame[2])))
            if frame
            else None,
        )
        for name, sides, frame in message[:MAX_NAMES]
    ]
