"""The signing key: from the environment, else one made once and kept in the data directory."""

import contextlib
import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def key(data_dir: Path, given: str) -> str:
    path = data_dir / "secret_key"
    if given:
        return given
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"secret_key.{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(get_random_secret_key() + get_random_secret_key())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)  # whoever is first wins; the others read what it wrote
        temporary.unlink()
    return path.read_text().strip()
