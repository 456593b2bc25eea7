#!/usr/bin/env python
"""Django's command line for Facesite."""

import gc
import os
import signal
import sys
from types import FrameType

STOPPED = "Stopped. What was finished is kept; the same command goes on from there."


class Interruptions:
    """Remembers Ctrl-C, which an extension module that is being imported turns into an error of its own."""

    def __init__(self) -> None:
        self.count = 0
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as for a command in the background
            signal.signal(signal.SIGINT, self.interrupt)

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        raise KeyboardInterrupt


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facesite.settings")
    interruptions = Interruptions()
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line

        try:
            execute_from_command_line(sys.argv)
        except ImproperlyConfigured as error:
            sys.exit(str(error))
    except BaseException:
        if not interruptions.count:
            raise
        sys.unraisablehook = lambda about: (
            None
        )  # what was half done, and is thrown away after the database is closed
        sys.stderr.write(f"\n{STOPPED}\n")
        sys.exit(130)
    finally:
        # At its end Python looks through all objects once more: a third of a second after `tag`, for nothing.
        gc.freeze()


if __name__ == "__main__":
    main()
