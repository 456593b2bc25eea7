#!/usr/bin/env python
"""Django's command line for Facesite."""

import gc
import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facesite.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    finally:
        # At its end Python looks through all objects once more: a third of a second after `tag`, for nothing.
        gc.freeze()


if __name__ == "__main__":
    main()
