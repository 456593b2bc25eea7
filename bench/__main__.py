"""`make bench`: Facesite beside what a user would use instead, on the same photos, in one run.

    python -m bench [FOLDER] [--repeats 3] [--most 40]

Without a folder, the demonstration's portraits. Each contestant runs in a process of its own, in turns; the table
shows the median of its repeats, bench/out/bench.json all of them. Galleries hold 6,988 vectors each. The other
measurements are modules beside this one (python -m bench.index, ...).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.contestants import VECTORS
from gallery.management.demo import DemoUnavailable, prepare_demo_folders

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "bench" / "out"
STEPS = ("decode", "detect", "embed", "search")
LIBRARY = ["face_recognition==1.3.0", "face_recognition_models==0.3.0", "setuptools<81"]
Result = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--most", type=int, default=40, help="photos at most")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        people, photos = demonstration(Path(name))
        chosen = pictures(options.folder or people) + ([] if options.folder else pictures(photos))
        environments = {
            "facesite": prepared_site(Path(name) / "data", people),
            "original": dict(os.environ),
            "face_recognition": with_library(Path(name) / "library"),
        }
        results = measured(environments, chosen[: options.most], options.repeats)
    show(results)
    OUT.mkdir(exist_ok=True)
    report = {"cores": os.cpu_count(), "photos": len(chosen[: options.most]), "contestants": results}
    (OUT / "bench.json").write_text(json.dumps(report, indent=1))


def demonstration(folder: Path) -> tuple[Path, Path]:
    try:
        return prepare_demo_folders(folder / "demo")
    except DemoUnavailable as error:
        sys.exit(str(error))


def pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})


def prepared_site(data: Path, people: Path) -> dict[str, str]:
    """An installation of its own, with the demonstration's people and made-up ones in its gallery."""
    environment = {**os.environ, "FACESITE_DATA_DIR": str(data)}
    environment |= {"FACESITE_LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "facesite.settings"}
    steps = (
        ["manage.py", "migrate", "-v0"],
        ["manage.py", "import_people", str(people)],
        ["-m", "bench.gallery", str(VECTORS)],
        ["manage.py", "build_index"],
    )
    for arguments in steps:
        command = [sys.executable, *arguments]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return environment


def with_library(folder: Path) -> dict[str, str] | None:
    """The environment in which face_recognition can be imported; None where pip cannot get it."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder),
        *LIBRARY,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print("face_recognition could not be installed, so it is left out.", file=sys.stderr)
        return None
    return {**os.environ, "PYTHONPATH": str(folder)}


def measured(
    environments: dict[str, dict[str, str] | None], photos: list[Path], repeats: int
) -> dict[str, Result]:
    """The median repeat of each contestant, by seconds, with all its repeats; they take turns."""
    runs: dict[str, list[Result]] = {name: [] for name, there in environments.items() if there}
    for number in range(repeats):
        for name in runs:
            print(f"{name}, {number + 1} of {repeats} ...", file=sys.stderr)
            command = [sys.executable, "-m", "bench.contestants", name, *map(str, photos)]
            done = subprocess.run(command, cwd=ROOT, env=environments[name], capture_output=True, check=False)
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr.decode()[-2000:]}")
            runs[name].append(json.loads(done.stdout))
    return {name: middle(found) | {"repeats": found} for name, found in runs.items()}


def middle(runs: list[Result]) -> Result:
    return sorted(runs, key=lambda run: float(run["seconds"]))[(len(runs) - 1) // 2]


def show(results: dict[str, Result]) -> None:
    ours = results["facesite"]
    print(
        "| | photos/s (least to most) | decode | detect | embed | search | faces | peak memory | Facesite is |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, found in results.items():
        steps = " | ".join(f"{found['milliseconds'].get(step, 0):.1f}" for step in STEPS)
        ratio = f"{found['seconds'] / ours['seconds']:.1f} times as fast"
        memory = f"{found['peak_mb']:,.0f} MB, {found['peak_mb'] / ours['peak_mb']:.1f} times ours"
        rates = sorted(run["photos"] / run["seconds"] for run in found["repeats"])
        rate = f"{found['photos'] / found['seconds']:.2f} ({rates[0]:.2f} to {rates[-1]:.2f})"
        print(f"| {name} | {rate} | {steps} | {found['faces']} | {memory} | {ratio} |")


if __name__ == "__main__":
    main()
