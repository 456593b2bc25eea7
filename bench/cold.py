"""`manage.py tag` on one photo, from nothing: seconds until it has answered, and processor seconds in all.

    python -m bench.cold [PHOTO] [--repeats 7]

The installation is one with the demonstration's gallery; files come from the system's cache, as at a second call.
On a busy machine the processor seconds are what to go by: nothing in a cold start waits for anything but work.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.__main__ import ROOT, demonstration, pictures, prepared_site


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        people, photos = demonstration(Path(name))
        environment = prepared_site(Path(name) / "data", people)
        command = [sys.executable, "manage.py", "tag", str(options.photo or pictures(photos)[0])]
        times, processor = [], []
        for _ in range(options.repeats):
            before, started = used(), time.perf_counter()
            subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - started)
            processor.append(used() - before)
    print(f"seconds: {statistics.median(times):.2f} (least {min(times):.2f}, most {max(times):.2f})")
    print(
        f"processor seconds, decoder included: {statistics.median(processor):.2f} (least {min(processor):.2f})"
    )


def used() -> float:
    """Processor seconds of all processes that were started from here and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    main()
