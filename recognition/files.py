"""Files that are on the disk when this says so."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def sync_path(path: Path) -> None:
    """Force a file, or the names in a folder, to disk; some file systems (SMB, FUSE) cannot do it for folders."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)
