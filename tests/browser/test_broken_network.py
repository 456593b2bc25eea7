"""A slow connection that is cut again and again: each file arrives once, without anybody's help."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.place import Place
from tests.servers import free_port, is_open, wait_for

pytestmark = [pytest.mark.long, pytest.mark.slow]

RATE = 1_000_000  # bytes a second towards the site, of one connection
CUT_AFTER, GONE_FOR = 10.0, 2.0  # seconds
COUNT = 40


class Network:
    """A loopback port that leads to another one, at a limited rate, and goes away every few seconds."""

    def __init__(self, port: int, to: int) -> None:
        self.port, self.to, self.cuts = port, to, 0
        self.is_away = False
        self.writers: set[asyncio.StreamWriter] = set()

    async def serve(self, end: threading.Event) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        async with server:
            while not end.is_set():
                for seconds, self.is_away in ((CUT_AFTER, False), (GONE_FOR, True)):
                    await asyncio.sleep(seconds)
                    if self.is_away:
                        continue
                    self.cuts += 1
                    for writer in list(self.writers):
                        writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_away:
            writer.transport.abort()
            return
        try:
            site_reader, site_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, site_writer}
        await asyncio.gather(self._pass(reader, site_writer, RATE), self._pass(site_reader, writer, None))
        self.writers -= {writer, site_writer}

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: int | None
    ) -> None:
        try:
            while content := await reader.read(65_536):
                writer.write(content)
                await writer.drain()
                if rate:
                    await asyncio.sleep(len(content) / rate)
            writer.close()
        except OSError:
            writer.transport.abort()


@contextmanager
def broken_network(to: int) -> Iterator[Network]:
    network, end = Network(free_port(), to), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(network.serve(end)))
    thread.start()
    try:
        wait_for(lambda: is_open(network.port), "the network")
        yield network
    finally:
        end.set()
        thread.join()


def test_each_file_arrives_once_over_a_connection_that_is_cut_again_and_again(
    visits: Visits, place: Place, tmp_path: Path
) -> None:
    noise = Image.effect_noise((3000, 3000), 90).convert("RGB")
    for number in range(COUNT):
        side = 3000 if number % 10 == 0 else 500
        noise.resize((side, side - number)).save(tmp_path / f"cut {number:03}.jpg", quality=95)
    page = visits.as_user("nam")
    with broken_network(int(place.address.rpartition(":")[2])) as network:
        address = f"http://127.0.0.1:{network.port}/upload/"
        while True:
            try:
                page.goto(address)
                break
            except Exception:  # noqa: S112  # cut while the page was loaded
                continue
        page.get_by_label("Choose photos").set_input_files(sorted(tmp_path.iterdir()))
        heading = page.get_by_role("heading", name=f"Sent: {COUNT} of {COUNT}")
        expect(heading).to_be_visible(timeout=240_000)
        expect(page.locator(".filerow.broken")).to_have_count(0)
        assert network.cuts >= 2
    names = place.ask(
        "answer = list(Photo.objects.filter(name__startswith='cut ').values_list('name', flat=True))"
    )
    assert sorted(names) == [f"cut {number:03}.jpg" for number in range(COUNT)]
    place.ask("Photo.objects.filter(name__startswith='cut ').delete()\nanswer = 0")  # others count photos
    page.close()
    visits.complaints.clear()  # the browser's own, of the requests that were cut
