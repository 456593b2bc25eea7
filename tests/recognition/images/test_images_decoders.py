"""The sandbox's limits hold for each decoder: memory, time, no network, no other files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from recognition import images
from recognition.errors import ImageError, ImageTooLarge
from recognition.images.sandbox import close_decoders, extract_page, read_photo
from recognition.images.sandbox.client import _build_environment
from recognition.images.sandbox.pool import get_shared_pool
from recognition.images.sandbox.server import read_process_memory
from tests import corpus

SIDE = 4000
MORE_MEMORY = 25_000_000  # bytes beyond what a small picture takes; the large one takes at least 48 MB
FORMS = {"JPEG": {}, "PNG": {}, "WEBP": {"method": 0}, "TIFF": {}, "GIF": {}, "BMP": {}, "AVIF": {"speed": 10},
         "JXL": {"effort": 1}, "HEIF": {"enc_params": {"preset": "ultrafast"}}}  # fmt: skip
DECODERS = [*FORMS, "RAW", "page of a TIFF"]


def make_picture(decoder: str, side: int) -> bytes:
    import pillow_heif
    import pillow_jxl  # noqa: F401  # makes Pillow write them

    pillow_heif.register_heif_opener()
    flat = Image.new("RGB", (side, side), "teal")
    if decoder == "RAW":
        return corpus.dng(flat)
    if decoder == "page of a TIFF":
        return corpus.saved(
            corpus.picture(), "TIFF", save_all=True, append_images=[flat], compression="tiff_lzw"
        )
    return corpus.saved(flat, decoder, **FORMS[decoder])


def get_reader(decoder: str) -> Callable[[bytes, images.Limits], object]:
    if decoder == "page of a TIFF":
        return lambda data, limits: extract_page(data, 1, limits)
    return read_photo


@pytest.fixture(autouse=True)
def _fresh_decoders() -> Iterator[None]:
    close_decoders()
    yield
    close_decoders()


@pytest.mark.parametrize("decoder", DECODERS)
def test_each_decoder_is_held_to_its_memory_and_time(decoder: str) -> None:
    read, small, large = get_reader(decoder), make_picture(decoder, 64), make_picture(decoder, SIDE)
    read(small, images.DEFAULT_LIMITS)
    (pid,) = get_shared_pool().pids
    enough = images.Limits(memory_bytes=read_process_memory("VmPeak", pid) + MORE_MEMORY)
    read(small, enough)
    with pytest.raises(ImageError):  # which decoders call by different names, where they do not die of it
        read(large, enough)
    with pytest.raises(ImageTooLarge, match="longer than 0 seconds"):
        read(large, images.Limits(seconds=0.001))
    read(small, images.DEFAULT_LIMITS)


INSIDE = """
import json, socket, sys
from recognition.images import read_photo
from recognition.images.pages import extract_page
from recognition.images.sandbox.server import _lock_down
files = {name: open(path, "rb") for name, path in json.loads(sys.argv[1]).items()}
_lock_down()
said = {}
for name, file in files.items():
    seen = []
    (extract_page(file, 1) if name == "page of a TIFF" else read_photo(file))
    for path in (sys.argv[2], "/etc/passwd", "/tmp"):
        try:
            open(path).close()
        except OSError as error:
            seen.append(type(error).__name__)
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[3])), timeout=5)
    except OSError:
        seen.append("no network")
    said[name] = seen
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def seen_inside(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a locked decoding process can still reach once it has decoded a picture of each kind."""
    import socket

    folder = tmp_path_factory.mktemp("pictures")
    for number, decoder in enumerate(DECODERS):
        (folder / str(number)).write_bytes(make_picture(decoder, 64))
    paths = {decoder: str(folder / str(number)) for number, decoder in enumerate(DECODERS)}
    (folder / "secret").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", INSIDE, json.dumps(paths), str(folder / "secret"), port],
            env=os.environ | _build_environment(),
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
        )
    return dict(json.loads(done.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's: NOT CHECKED")
@pytest.mark.parametrize("decoder", DECODERS)
def test_each_decoder_reaches_no_network_and_no_other_file(
    decoder: str, seen_inside: dict[str, list[str]]
) -> None:
    assert seen_inside[decoder] == ["PermissionError"] * 3 + ["no network"]
