"""What a worker holds: its lease is kept alive, and given back where the trouble is not the row's own."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, close_old_connections
from django.utils.translation import gettext as _

from gallery.models import Status, Work
from gallery.queue.leases import LeaseLost, extend, finish, put_back

log = logging.getLogger(__name__)
# Of the machine, not of the row: it passes, so the attempt does not count.
PASSING = {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE}
LATER = 30.0  # seconds until a row is tried again after such trouble
PATIENCE = 60.0  # seconds in which a database that is away is waited for, to give a row back


@contextmanager
def held(row: Work) -> Iterator[None]:
    """Keep extending the row's lease from a thread while the block runs.

    A database or a disk in trouble gives the row back for later, and a worker that is told to end gives it back at
    once; neither counts as an attempt. What a process that is killed holds, the sweep finds.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_keep, args=(row, stop), name="lease", daemon=True)
    thread.start()
    try:
        yield
    except LeaseLost:
        log.warning("%s %s was taken over by another worker", type(row).__name__, row.pk)
    except (Error, OSError) as error:
        _give_back(row, error)
    except (SystemExit, KeyboardInterrupt):
        put_back(row, seconds=0)
        raise
    finally:
        stop.set()
        thread.join()


def _keep(row: Work, stop: threading.Event) -> None:
    while not stop.wait(settings.LEASE_SECONDS / 4):
        try:
            extend(row)
        except LeaseLost:
            break
        except Error as error:
            log.warning("The lease could not be extended: %s", error)
        finally:
            close_old_connections()


def _give_back(row: Work, error: Error | OSError) -> None:
    """For later, or as failed with the reason; a database that is away is waited for."""
    log.warning("%s %s could not be finished: %s", type(row).__name__, row.pk, error)
    until = time.monotonic() + PATIENCE
    while True:
        close_old_connections()
        try:
            _judge(row, error)
        except LeaseLost:
            return
        except (OperationalError, InterfaceError):
            if time.monotonic() > until:
                raise
            time.sleep(1)
        else:
            return


def _judge(row: Work, error: Error | OSError) -> None:
    is_passing = isinstance(error, OperationalError | InterfaceError)
    if is_passing or (isinstance(error, OSError) and error.errno in PASSING):
        put_back(row, LATER, str(error))
    elif isinstance(error, Error) and row.attempts < settings.MAX_ATTEMPTS:
        put_back(row, LATER, str(error), is_counted=True)
    else:
        reason = _("The computer could not finish this: %(error)s. You can try it again.") % {"error": error}
        finish(row, Status.FAILED, reason)
