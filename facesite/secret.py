"""The site's secret keys: from the environment, or else made once and kept in the data directory."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def read_or_make_key(data_dir: Path, given: str, name: str = "secret_key") -> str:
    """The key that was given; without one that in the file of this name, which is made by the first who asks."""
    path = data_dir / name
    if given:
        return given
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{name}.{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(get_random_secret_key() + get_random_secret_key())
        try:
            path.hardlink_to(temporary)  # whoever is first wins; the others read what it wrote
            temporary.unlink()
        except FileExistsError:
            temporary.unlink()
        except OSError:  # a file system without hard links
            temporary.replace(path)
    return path.read_text().strip()
