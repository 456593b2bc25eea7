"""Runs a site of several hosts on this machine, and prints, as the last line of stdout, what was counted (JSON).

    python -m bench.cluster [--break lose|double|leak]

PostgreSQL, Redis, an S3 server, two web hosts, two workers and a scheduler, each with a data directory and a name
of its own, and one with a clock two minutes ahead. Photos go up at one and are processed on another, the gallery
changes, one index is built and both workers serve it; a host is killed at each step, the store pauses, PostgreSQL is
restarted, and a person is erased while a host with copies is away. It ends within 15 minutes; exit code 1 when
something is lost, doubled, stuck or found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from bench.cluster.counting import BREAKS, count, is_well
from bench.cluster.machines import open_cluster
from bench.cluster.story import Story
from gallery.management.demo import prepare_demo_folders

SECONDS = 13 * 60  # for the story; what is left is for counting


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--break", choices=["", *BREAKS], default=os.environ.get("BREAK", ""), dest="breaks")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        people, _ = prepare_demo_folders(Path(name) / "portraits")
        with open_cluster(Path(name) / "cluster", people) as cluster:
            story = Story(cluster, begun + SECONDS)
            story.tell()
            if options.breaks:
                BREAKS[options.breaks](story)
            found = count(story)
    print(json.dumps(found))
    sys.exit(0 if is_well(found) else 1)


if __name__ == "__main__":
    main()
