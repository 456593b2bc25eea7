"""Searches everything an installation keeps for what must not be there: files, database, index, archives."""

from __future__ import annotations

import json
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from tests.servers import postgres_folder

Needles = dict[str, bytes]


def of_name(name: str) -> Needles:
    """A name in the encodings that files, JSON and databases write it in."""
    plain = json.dumps(name)[1:-1]
    forms = {
        "utf-8": name.encode(),
        "casefolded": name.casefold().encode(),
        "decomposed": unicodedata.normalize("NFD", name).encode(),
        "utf-16": name.encode("utf-16-le"),
        "as JSON": plain.encode(),
        "as JSON in JSON": json.dumps(plain)[1:-1].encode(),
    }
    return {f"{name!r} {form}": text for form, text in forms.items()}


def of_vector(label: str, vector: bytes) -> Needles:
    """A vector's first and last numbers, as float32 and float16."""
    half = np.frombuffer(vector, "<f4").astype("<f2").tobytes()
    return {
        f"{label} float32, first": vector[:32],
        f"{label} float32, last": vector[-32:],
        f"{label} float16": half[:32],
    }


def of_file(label: str, path: Path) -> Needles:
    """Bytes from a file's middle, and its own name."""
    content = path.read_bytes()
    middle = len(content) // 2
    return {f"{label} content": content[middle : middle + 64], f"{label} name": path.stem.encode()}


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file's path and bytes; tables also as text, arrays also laid open."""
    for path in sorted(root.rglob("*")):
        if not path.is_file():
            continue
        yield str(path), str(path).encode() + b"\n" + path.read_bytes()
        if path.suffix == ".parquet":
            yield f"{path} (read)", pd.read_parquet(path).to_csv().encode()
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                yield f"{path} (read)", b"".join(arrays[name].tobytes() for name in arrays)


def found_in(root: Path, needles: Needles, database: str = "") -> list[str]:
    """What of the needles is anywhere: "needle in place"."""
    places = [*contents(root), *(_dump(database) if database.startswith("postgres") else ())]
    return [
        f"{label} in {place}"
        for place, content in places
        for label, needle in needles.items()
        if needle in content
    ]


def _dump(address: str) -> Iterator[tuple[str, bytes]]:
    """The whole database as text, with the bytes of binary columns also as they are."""
    program = (postgres_folder() or Path()) / "pg_dump"
    text = subprocess.run([str(program), address, "--inserts"], capture_output=True, check=True).stdout
    yield "the database", text
    laid_open = [bytes.fromhex(part.split(b"'")[0].decode()) for part in text.split(b"'\\x")[1:]]
    yield "the database's binary columns", b"\n".join(laid_open)
