"""A wall clock that a test turns, for all processes of a site: web server, worker, commands, PostgreSQL, Redis."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class WallClock:
    """Processes started in `environment` see a wall clock that is `seconds` ahead of the computer's."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._dial, library = folder / "clock", folder / "clock.so"
        self._dial.write_bytes(struct.pack("q", 0))
        for path in (folder, self._dial):
            path.chmod(0o755)  # PostgreSQL has a user of its own
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        self.environment = {"LD_PRELOAD": str(library), "FAULTS_CLOCK": str(self._dial)}
        self.seconds = 0

    @staticmethod
    def is_possible() -> bool:
        return shutil.which("cc") is not None

    def turn(self, seconds: int) -> None:
        """Forwards, or with a negative number back; at once, for all."""
        self.seconds += seconds
        with self._dial.open("r+b") as file:
            file.write(struct.pack("q", self.seconds))
