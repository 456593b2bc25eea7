"""Searches an index of `bench.scale` in a process that has not built it: python -m bench.scale_search DIR COUNT."""

import json
import sys
from pathlib import Path

from bench.scale import measure_search

if __name__ == "__main__":
    print(json.dumps(measure_search(Path(sys.argv[1]), int(sys.argv[2]))))
