"""Processes that end with the one that started them."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
import time

PR_SET_PDEATHSIG = 1


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Have this process get the signal when its parent ends, however that comes; call it in the child."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


RESTART_SECONDS = 10


def keep_running(command: list[str]) -> None:
    """Run it for as long as this process lives, which it is to end with: it calls `die_with_parent`.

    Once it says that it cannot be done here (exit code 2), it is left.
    """

    def run() -> None:
        while subprocess.run(command, check=False).returncode != 2:
            time.sleep(RESTART_SECONDS)

    threading.Thread(target=run, name=command[-1], daemon=True).start()
