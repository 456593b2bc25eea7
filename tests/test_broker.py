"""The embedded broker gives whole messages, however writers and readers meet."""

from __future__ import annotations

import threading
from pathlib import Path

import kombu
import pytest
from kombu.transport import filesystem

from facesite import broker


@pytest.fixture
def connection(tmp_path: Path) -> kombu.Connection:
    broker.install()
    options = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
    }
    return kombu.Connection("filesystem://", transport_options=options)


def test_messages_come_out_as_they_went_in(connection: kombu.Connection) -> None:
    queue = connection.SimpleQueue("faces")
    queue.put({"photo": 17})
    message = queue.get(timeout=5)
    assert message.payload == {"photo": 17}
    message.ack()


def test_a_reader_never_meets_half_a_message(connection: kombu.Connection, tmp_path: Path) -> None:
    """What lies there under a message's name can be read at once, while a writer is at it."""
    is_over = threading.Event()
    torn: list[Path] = []

    def watch() -> None:
        while not is_over.is_set():
            torn.extend(path for path in tmp_path.glob("*.faces.msg") if path.stat().st_size == 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    queue = connection.SimpleQueue("faces")
    for number in range(300):
        queue.put({"photo": number})
    queue.close()
    is_over.set()
    watcher.join()
    assert not torn
    assert isinstance(connection.transport.Channel, type)
    assert connection.transport.Channel._put is not filesystem.Channel._put
