"""The embedded broker: kombu's transport over files, with messages that appear whole or not at all.

kombu creates a message's file first and writes it then. A worker that looks in between takes an empty file,
cannot read it, and ends. Here a message is written under a name nobody looks for, and then renamed. A message that
cannot be read all the same, as after a power cut, is passed over: it was only a hint, the rows have the truth.
"""

from __future__ import annotations

import logging
import uuid
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
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
        """The oldest message, taken by renaming it, so that no two readers have it."""
        folder = Path(self.data_folder_in)
        for name in sorted(path.name for path in folder.glob(f"*.{queue}.msg")):
            if name.partition(".")[2] != f"{queue}.msg":
                continue  # of a queue whose name ends alike
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
