"""The embedded broker gives whole messages, however writers and readers meet."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import Empty, Queue

import kombu
import pytest
from kombu.transport import virtual

from facesite import broker


@pytest.fixture
def connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> kombu.Connection:
    broker.install()
    monkeypatch.setattr(broker.Transport, "global_state", virtual.BrokerState())  # kombu's has every folder's
    options = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
        "polling_interval": 0.01,
    }
    return kombu.Connection("filesystem://", transport_options=options)


def test_messages_come_out_as_they_went_in(connection: kombu.Connection) -> None:
    queue = connection.SimpleQueue("faces")
    queue.put({"photo": 17})
    message = queue.get(timeout=5)
    assert message.payload == {"photo": 17}
    message.ack()


@pytest.mark.parametrize("left", [b"", b'[["faces'])
def test_what_a_power_cut_left_of_the_list_of_queues_is_made_anew(
    connection: kombu.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: bytes
) -> None:
    connection.SimpleQueue("faces").put({"photo": 1})
    lists = list((tmp_path / "control").iterdir())
    assert lists
    for path in lists:
        path.write_bytes(left)
    assert connection.default_channel.get_table("faces") == []
    monkeypatch.setattr(broker.Transport, "global_state", virtual.BrokerState())  # as in a new process
    queue = connection.clone().SimpleQueue("faces")
    queue.put({"photo": 17})
    messages = [queue.get(timeout=5) for _ in range(2)]
    assert [message.payload["photo"] for message in messages] == [1, 17]
    for message in messages:
        message.ack()


def test_whoever_is_done_with_a_message_gets_the_next_at_once(
    connection: kombu.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader waits to be told, and does not sleep until its next look, which here is an hour away."""
    written = connection.SimpleQueue("faces")
    for number in range(3):
        written.put({"photo": number})
    written.close()
    monkeypatch.setattr(connection.transport, "polling_interval", 3600)
    got: Queue[kombu.Message] = Queue()

    def read_three() -> None:
        for _ in range(3):
            connection.drain_events()

    with connection.Consumer(written.queue, on_message=got.put, prefetch_count=1):
        reader = threading.Thread(target=read_three, daemon=True)
        reader.start()
        read = set()
        for _ in range(3):
            message = got.get(timeout=30)
            read.add(message.payload["photo"])
            assert got.empty()  # one at a time
            message.ack()
        reader.join(30)
        assert not reader.is_alive()
    assert read == {0, 1, 2}


def test_a_reader_that_waits_in_vain_says_so_when_its_time_is_over(connection: kombu.Connection) -> None:
    with (
        connection.Consumer(connection.SimpleQueue("faces").queue, callbacks=[]),
        pytest.raises(TimeoutError),
    ):
        connection.drain_events(timeout=0.05)


def test_two_readers_share_the_messages_and_each_is_read_once(connection: kombu.Connection) -> None:
    """What one has seen in the folder, the other may have taken meanwhile."""
    writer = connection.SimpleQueue("faces")
    for number in range(40):
        writer.put(number)
    readers = [connection.clone().SimpleQueue("faces", no_ack=True) for _ in range(2)]
    read: list[int] = [readers[turn % 2].get(timeout=5).payload for turn in range(20)]
    for number in range(40, 50):
        writer.put(number)
    read += [readers[turn % 2].get(timeout=5).payload for turn in range(30)]
    assert sorted(read) == list(range(50))
    assert set(read[:40]) == set(range(40))  # the older ones first
    with pytest.raises(Empty):
        readers[0].get_nowait()


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
    assert len(list(tmp_path.glob("*.faces.msg"))) == 300
