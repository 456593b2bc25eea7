"""What exiftool, an independent reader, finds in a file."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

EXIFTOOL = shutil.which("exiftool")


needs_exiftool = pytest.mark.skipif(
    EXIFTOOL is None, reason="exiftool is not installed (apt install libimage-exiftool-perl): NOT CHECKED"
)


def read_with_exiftool(data: bytes, path: Path, *options: str) -> dict[str, Any]:
    """What exiftool, an independent reader, finds in a file."""
    path.write_bytes(data)
    assert EXIFTOOL
    done = subprocess.run(
        [EXIFTOOL, "-j", "-struct", "-G1", "-n", "-a", *options, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    (answer,) = json.loads(done.stdout)
    assert "ExifTool:Error" not in answer
    return dict(answer)
