"""Brings a restored database up to this version, in a process of its own: it may be another than the site's."""

from __future__ import annotations

import os
import subprocess
import sys

from django.conf import settings
from django.utils.translation import gettext as _

from gallery.backup.errors import BackupError


def migrate(address: str = "") -> None:
    """Run the migrations on this database, or on the site's; BackupError if one fails."""
    environment = {**os.environ, **({"DATABASE_URL": address} if address else {})}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [str(done.returncode)]
        text = _("The database could not be brought up to this version: %(error)s")
        raise BackupError(text % {"error": said[0]})
