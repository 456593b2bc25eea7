"""Translations: .po files are in git, .mo files are made from them here, without gettext's programs.

`make run` and `make test` do it by themselves; `python -m facesite.texts` does it alone.
"""

from __future__ import annotations

import os
from pathlib import Path

import polib

LOCALE = Path(__file__).resolve().parent.parent / "locale"


def compile_texts() -> None:
    """Write each .mo file that is missing or older than its .po file."""
    for source in sorted(LOCALE.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            part = target.with_suffix(f".{os.getpid()}.part")  # several processes may be at it at once
            polib.pofile(str(source)).save_as_mofile(str(part))
            part.replace(target)


if __name__ == "__main__":
    compile_texts()
