"""Keys of the site: from the environment, else made once and kept in the data directory."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key


def key(data_dir: Path, given: str, name: str = "secret_key") -> str:
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
