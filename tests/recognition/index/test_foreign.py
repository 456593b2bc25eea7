"""Directories as clip-retrieval's inference and AutoFaiss's command line leave them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recognition.errors import IndexUnusable
from recognition.index import builder, read_foreign
from tests.recognition.index.vectors import clustered, in_parts


def clip_retrieval(directory: Path, sizes: tuple[int, ...] = (5,), dtype: type = np.float32) -> np.ndarray:
    vectors = clustered(sum(sizes), 512)
    (directory / "img_emb").mkdir(parents=True)
    (directory / "metadata").mkdir()
    start = 0
    for number, size in enumerate(sizes):
        rows = range(start, start + size)
        np.save(directory / f"img_emb/img_emb_{number}.npy", vectors[start : start + size].astype(dtype))
        paths = [f"/data/celebrities/Person {row // 10}/{row}.jpg" for row in rows]
        pd.DataFrame({"image_path": paths}).to_parquet(directory / f"metadata/metadata_{number}.parquet")
        start += size
    return vectors


def test_people_are_the_folders_of_the_images(tmp_path: Path) -> None:
    vectors = clip_retrieval(tmp_path, (20,))
    gallery = read_foreign(tmp_path)
    assert gallery.people[9:11] == ["Person 0", "Person 1"]
    assert gallery.image_paths[9] == "/data/celebrities/Person 0/9.jpg"
    np.testing.assert_allclose(gallery.vectors, vectors, atol=1e-6)


def test_half_precision_comes_back_as_unit_float32(tmp_path: Path) -> None:
    vectors = clip_retrieval(tmp_path, (20,), np.float16)
    gallery = read_foreign(tmp_path)
    assert gallery.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(gallery.vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(gallery.vectors, vectors, atol=1e-3)


def test_parts_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    vectors = clip_retrieval(tmp_path, (2,) * 12)
    gallery = read_foreign(tmp_path)
    assert [Path(path).stem for path in gallery.image_paths] == [str(row) for row in range(24)]
    np.testing.assert_allclose(gallery.vectors, vectors, atol=1e-6)


def test_windows_paths_name_people_too(tmp_path: Path) -> None:
    clip_retrieval(tmp_path, (1,))
    table = pd.DataFrame({"image_path": ["C:\\faces\\Ada Lovelace\\1.jpg"]})
    table.to_parquet(tmp_path / "metadata/metadata_0.parquet")
    assert read_foreign(tmp_path).people == ["Ada Lovelace"]


def test_our_own_directories_read_the_same_way(tmp_path: Path) -> None:
    vectors = clustered(30, 16)
    builder.build(in_parts(vectors), tmp_path / "one", embedder_id="a-1", dimension=16)
    gallery = read_foreign(tmp_path / "one")
    assert gallery.people[10] == "Person 1"
    np.testing.assert_allclose(gallery.vectors, vectors, atol=1e-6)


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusable, match="0 and 0"):
        read_foreign(tmp_path)
    clip_retrieval(tmp_path, (3, 3))
    (tmp_path / "metadata/metadata_1.parquet").unlink()
    with pytest.raises(IndexUnusable, match="2 and 1"):
        read_foreign(tmp_path)
    pd.DataFrame({"image_path": ["a/1.jpg"]}).to_parquet(tmp_path / "metadata/metadata_1.parquet")
    with pytest.raises(IndexUnusable, match="as many rows"):
        read_foreign(tmp_path)
    pd.DataFrame({"path": ["a/1.jpg"] * 3}).to_parquet(tmp_path / "metadata/metadata_1.parquet")
    with pytest.raises(IndexUnusable, match="image_path"):
        read_foreign(tmp_path)
    (tmp_path / "metadata/metadata_1.parquet").write_bytes(b"no parquet")
    with pytest.raises(IndexUnusable, match="cannot be read"):
        read_foreign(tmp_path)


def test_a_vector_of_nothing_is_refused_by_its_row(tmp_path: Path) -> None:
    clip_retrieval(tmp_path, (3,))
    np.save(tmp_path / "img_emb/img_emb_0.npy", np.eye(3, 512, k=-1, dtype=np.float32))
    with pytest.raises(IndexUnusable, match="Row 0"):
        read_foreign(tmp_path)
