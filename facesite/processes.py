"""Processes that end with the one that started them."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

log = logging.getLogger(__name__)
PR_SET_PDEATHSIG = 1


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Have this process get the signal when its parent ends, however that comes; call it in the child."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def end_with_waiting_process(pool: Any) -> None:
    """Have this worker end when one of its pool's processes is killed while it waits for work.

    It may have held the lock under which they take work from their queue; then none would get any more, and all would
    seem to be well. What the others do is given back. Who started the worker starts it again.
    """
    from billiard import active_children  # which a web process does without

    def end(process: Any) -> None:
        is_busy = any(process.pid in job.worker_pids() for job in list(pool._cache.values()))
        if (process.exitcode or 0) >= 0 or is_busy:
            return
        log.error("A process that waited for work was killed, so the worker ends, to be started again.")
        children = active_children()
        for child in children:
            child.terminate()
        for child in children:
            child.join(3)
        os._exit(1)

    pool.on_process_down = end


def end_with_scheduler(worker: Any) -> None:
    """Have this worker end, once its tasks are done, when the process of its scheduler is killed: nobody would send
    what is due. Who started the worker starts it again."""
    from celery.worker import state

    def watch() -> None:
        while worker.beat.is_alive():
            time.sleep(1)
        if state.should_stop is None and state.should_terminate is None:
            log.error("The scheduler's process was killed, so the worker ends, to be started again.")
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="scheduler", daemon=True).start()


RESTART_SECONDS = 10


def keep_running(command: list[str]) -> None:
    """Run it for as long as this process lives, which it is to end with: it calls `die_with_parent`.

    Once it says that it cannot be done here (exit code 2), it is left.
    """

    def run() -> None:
        while subprocess.run(command, check=False).returncode != 2:
            time.sleep(RESTART_SECONDS)

    threading.Thread(target=run, name=command[-1], daemon=True).start()
