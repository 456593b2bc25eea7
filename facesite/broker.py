"""The embedded broker: kombu's transport over files, with messages that appear whole or not at all.

kombu creates a message's file first and writes it then. A worker that looks in between takes an empty file,
cannot read it, and ends. Here a message is written under a name nobody looks for, and then renamed. A message that
cannot be read all the same, as after a power cut, is passed over: it was only a hint, the rows have the truth.

kombu sleeps between two looks at the folder, whether or not a worker has just become free. Here a task that is
done wakes the one who looks, so that the next begins at once.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from math import inf
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual
from kombu.utils.json import dumps, loads
from kombu.utils.scheduling import FairCycle

log = logging.getLogger(__name__)


class QoS(virtual.QoS):
    """Counts the messages that are under work; whoever is done with one wakes the reader."""

    def ack(self, delivery_tag: str) -> None:
        super().ack(delivery_tag)
        self._wake()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().reject(delivery_tag, requeue)
        self._wake()

    def _wake(self) -> None:
        transport = self.channel.connection
        if isinstance(transport, Transport):  # not once the channel is closed
            transport.freed.set()


class InOrder(FairCycle):
    """Looks into the first queue first each time, and so on."""

    def get(self, callback: Any, **kwargs: Any) -> Any:
        self.pos = 0
        return super().get(callback, **kwargs)


class Channel(filesystem.Channel):
    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seen: dict[str, deque[str]] = {}  # by queue, what lay there at the last look, oldest first

    def _reset_cycle(self) -> None:
        self._cycle = InOrder(self._get_and_deliver, self._active_queues, Empty)

    def get_table(self, exchange: str) -> Any:
        """Which queues an exchange leads to: none where its file is damaged, until ``_queue_bind`` makes it anew."""
        try:
            return super().get_table(exchange)
        except ValueError:
            return []

    def _queue_bind(self, exchange: str, *binding: Any) -> None:
        """Bind, and first remove the exchange's file where it is damaged.

        kombu writes it in place and without syncing, so a power cut or a full disk may leave half of it.
        """
        try:
            super()._queue_bind(exchange, *binding)
        except ValueError:
            self._exchange_file(exchange).unlink(missing_ok=True)  # type: ignore[attr-defined]  # kombu's stubs lack it
            super()._queue_bind(exchange, *binding)

    # kombu's own classes disagree about the second name.
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        name = f"{round(monotonic() * 1000):014}_{uuid.uuid4()}"
        folder = Path(self.data_folder_out)
        part = folder / f"{name}.part"
        try:
            part.write_text(dumps(payload), encoding="utf-8")
            part.replace(folder / f"{name}.{queue}.msg")
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ChannelError(f"The message cannot be written below {folder}: {error}") from error

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """The oldest message, taken by renaming it, so that no two readers have it.

        The folder is only listed again when all that was seen in it is done: what came since is younger.
        """
        folder = Path(self.data_folder_in)
        names = self._seen.setdefault(queue, deque())
        if not names:
            names.extend(_names(folder, queue))
        while names:
            name = names.popleft()
            taken = folder / f"{name}.taken"
            try:
                (folder / name).rename(taken)
                content = taken.read_bytes()
                taken.unlink()
                return _message(content)
            except FileNotFoundError:
                continue  # another reader was faster
            except OSError as error:
                raise ChannelError(f"The message {name} cannot be read: {error}") from error
            except ValueError:
                log.warning("The message %s cannot be read and is passed over.", name)
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel
    polling_interval: float = 0.1

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.freed = threading.Event()  # somebody is done with a message and may have another

    # kombu's own classes disagree about the rest.
    def drain_events(self, connection: Any, timeout: float | None = None) -> None:  # type: ignore[override]
        """Deliver one message; TimeoutError where none comes in the time given. kombu's sleeps instead of waiting."""
        until = inf if timeout is None else monotonic() + timeout
        while True:
            self.freed.clear()
            try:
                self.cycle.get(self._deliver, timeout=timeout)  # type: ignore[union-attr]  # set by kombu's __init__
            except Empty:
                if monotonic() >= until:
                    raise TimeoutError from None
                self.freed.wait(min(self.polling_interval, max(0.0, until - monotonic())))
            else:
                return


def _names(folder: Path, queue: str) -> list[str]:
    """The files of a queue's messages, oldest first; not of one whose name only ends alike."""
    end = f"{queue}.msg"
    return sorted(name for name in (path.name for path in folder.iterdir()) if name.partition(".")[2] == end)


def _message(content: bytes) -> dict[str, Any]:
    message = loads(content.decode())
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def install() -> None:
    """Make `filesystem://` mean this transport."""
    TRANSPORT_ALIASES["filesystem"] = "facesite.broker:Transport"


def tidy(folder: Path, seconds: float) -> int:
    """Remove what processes that were killed left half-written or half-read; how many files that were."""
    count = 0
    for left in [*folder.glob("*.part"), *folder.glob("*.taken")]:
        try:
            age = monotonic() - int(left.name.partition("_")[0]) / 1000
        except ValueError:
            continue
        if not 0 <= age < seconds:  # the clock of names starts anew with the computer
            left.unlink(missing_ok=True)
            count += 1
    return count
