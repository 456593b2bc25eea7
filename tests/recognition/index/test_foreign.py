"""Directories as clip-retrieval's inference and AutoFaiss's command line leave them."""

from __future__ import annotations

import datetime
from pathlib import Path

import faiss
import numpy as np
import pandas as pd
import pytest

from recognition.errors import IndexUnusable
from recognition.index import ForeignGallery, ForeignRow, PictureFinder, builder
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


def read(directory: Path) -> list[ForeignRow]:
    return list(ForeignGallery.open(directory).read_rows())


def stack(rows: list[ForeignRow]) -> np.ndarray:
    return np.stack([row.vector for row in rows])


def test_people_are_the_folders_of_the_images(tmp_path: Path) -> None:
    vectors = clip_retrieval(tmp_path, (20,))
    rows = read(tmp_path)
    assert [row.person for row in rows[9:11]] == ["Person 0", "Person 1"]
    assert rows[9].image_path == "/data/celebrities/Person 0/9.jpg"
    assert [row.number for row in rows] == list(range(20))
    np.testing.assert_allclose(stack(rows), vectors, atol=1e-6)


def test_half_precision_comes_back_as_unit_float32(tmp_path: Path) -> None:
    vectors = clip_retrieval(tmp_path, (20,), np.float16)
    found = stack(read(tmp_path))
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found, vectors, atol=1e-3)


def test_parts_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    vectors = clip_retrieval(tmp_path, (2,) * 12)
    rows = read(tmp_path)
    assert [Path(row.image_path).stem for row in rows] == [str(row) for row in range(24)]
    np.testing.assert_allclose(stack(rows), vectors, atol=1e-6)


@pytest.mark.parametrize(
    "path", ["C:\\faces\\Ada Lovelace\\1.jpg", ".\\Ada Lovelace\\1.jpg", "Ada Lovelace/1.jpg"]
)
def test_paths_with_either_slash_name_people(tmp_path: Path, path: str) -> None:
    clip_retrieval(tmp_path, (1,))
    pd.DataFrame({"image_path": [path]}).to_parquet(tmp_path / "metadata/metadata_0.parquet")
    assert [row.person for row in read(tmp_path)] == ["Ada Lovelace"]


def test_our_own_directories_read_the_same_way(tmp_path: Path) -> None:
    vectors = clustered(30, 16)
    builder.build(in_parts(vectors), tmp_path / "one", embedder_id="a-1", dimension=16)
    rows = read(tmp_path / "one")
    assert rows[10].person == "Person 1"
    np.testing.assert_allclose(stack(rows), vectors, atol=1e-6)


def test_the_folder_around_it_is_taken_as_well(tmp_path: Path) -> None:
    vectors = clip_retrieval(tmp_path / "data/embedding_folder", (20,))
    np.testing.assert_allclose(stack(read(tmp_path / "data")), vectors, atol=1e-6)


@pytest.mark.parametrize("key", ["Flat", "HNSW15", "IVF4,Flat"])
def test_an_index_and_a_parquet_alone_give_the_vectors_back(tmp_path: Path, key: str) -> None:
    vectors = clip_retrieval(tmp_path, (150, 50))
    index = faiss.index_factory(512, key, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(tmp_path / "knn.index"))
    for path in (tmp_path / "img_emb").iterdir():
        path.unlink()
    rows = read(tmp_path)
    np.testing.assert_allclose(stack(rows), vectors, atol=1e-6)
    assert rows[199].image_path.endswith("/199.jpg")
    (tmp_path / "metadata/metadata_1.parquet").unlink()
    with pytest.raises(IndexUnusable, match="200 vectors and the parquet 150 rows"):
        read(tmp_path)


@pytest.mark.parametrize("key", ["SQ8", "IVF4,SQ8", "HNSW15_SQ8", "PQ8x4fs", "PCA64,Flat"])
def test_a_compressed_index_asks_for_the_pictures(tmp_path: Path, key: str) -> None:
    vectors = clip_retrieval(tmp_path, (200,))
    index = faiss.index_factory(512, key, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(tmp_path / "knn.index"))
    (tmp_path / "img_emb/img_emb_0.npy").unlink()
    with pytest.raises(IndexUnusable, match=r"compressed.*import_people"):
        read(tmp_path)


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusable, match="needs img_emb"):
        read(tmp_path)
    clip_retrieval(tmp_path, (3, 3))
    (tmp_path / "metadata/metadata_1.parquet").unlink()
    with pytest.raises(IndexUnusable, match="2 and 1"):
        read(tmp_path)
    pd.DataFrame({"image_path": ["a/1.jpg"]}).to_parquet(tmp_path / "metadata/metadata_1.parquet")
    with pytest.raises(IndexUnusable, match="as many rows"):
        read(tmp_path)
    pd.DataFrame({"path": ["a/1.jpg"] * 3}).to_parquet(tmp_path / "metadata/metadata_1.parquet")
    with pytest.raises(IndexUnusable, match="image_path"):
        read(tmp_path)
    (tmp_path / "metadata/metadata_1.parquet").write_bytes(b"no parquet")
    with pytest.raises(IndexUnusable, match="cannot be read"):
        read(tmp_path)


def test_a_row_that_cannot_be_taken_says_why_and_the_others_come(tmp_path: Path) -> None:
    vectors = clip_retrieval(tmp_path, (5,))
    vectors[1, 7], vectors[2] = np.nan, 0
    np.save(tmp_path / "img_emb/img_emb_0.npy", vectors)
    paths = ["Ada/1.jpg", "Ada/2.jpg", "Ada/3.jpg", "4.jpg", None]
    pd.DataFrame({"image_path": paths}).to_parquet(tmp_path / "metadata/metadata_0.parquet")
    rows = read(tmp_path)
    assert rows[0].problem == ""
    assert [row.problem.split(":")[0] for row in rows[1:3]] == [
        "Its vector is not one that can be compared"
    ] * 2
    assert "no person" in rows[3].problem
    assert "no image_path" in rows[4].problem


def test_paths_that_are_no_text_are_reported_and_the_others_come(tmp_path: Path) -> None:
    clip_retrieval(tmp_path, (2, 2))
    pd.DataFrame({"image_path": [b"Anna/1.jpg", None]}).to_parquet(tmp_path / "metadata/metadata_0.parquet")
    assert [row.problem for row in read(tmp_path)] == ["It has no image_path."] * 2 + [""] * 2


def test_every_column_comes_along_as_json_can_hold_it(tmp_path: Path) -> None:
    clip_retrieval(tmp_path, (2,))
    day = datetime.datetime(2024, 2, 3)
    table = {
        "image_path": ["Ada/1.jpg", "Ada/2.jpg"],
        "caption": ["Ada with Bob", None],
        "width": [640, 480],
        "score": [0.5, float("nan")],
        "day": [day, day],
        "tags": [["a", "b"], []],
    }
    pd.DataFrame(table).to_parquet(tmp_path / "metadata/metadata_0.parquet")
    first, second = (row.columns for row in read(tmp_path))
    same = {"day": "2024-02-03 00:00:00"}
    assert first == {"caption": "Ada with Bob", "width": 640, "score": 0.5, "tags": ["a", "b"], **same}
    assert second == {"caption": None, "width": 480, "score": None, "tags": [], **same}


@pytest.mark.parametrize(
    "path",
    [
        "data/train/Erik/Erik (2).jpg",
        ".\\data\\train\\Erik\\Erik (2).jpg",
        "C:\\Users\\Me\\data\\train\\Erik\\Erik (2).jpg",
        "c:/elsewhere/TRAIN/erik/ERIK (2).JPG",
        "/gone/Erik/Erik (2).jpg",
    ],
)
def test_pictures_are_found_by_the_ends_of_their_paths(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "mine/train/Erik/Erik (2).jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    (tmp_path / "mine/embedding_folder/img_emb").mkdir(parents=True)
    (tmp_path / "vectors/deep").mkdir(parents=True)
    monkeypatch.chdir("/")
    assert PictureFinder(tmp_path / "mine").find(path) == picture  # below
    assert PictureFinder(tmp_path / "mine/embedding_folder").find(path) == picture  # beside
    assert PictureFinder(tmp_path / "vectors/deep").find(path) is None
    assert PictureFinder(tmp_path / "vectors/deep", tmp_path / "mine").find(path) == picture
    assert PictureFinder(tmp_path / "mine").find("Erik (2).jpg") is None


def test_names_that_differ_in_case_alone_are_told_apart(tmp_path: Path) -> None:
    for name in ("Erik", "erik"):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / "1.jpg").write_bytes(name.encode())
    finder = PictureFinder(tmp_path)
    found = [finder.find(f"train/{name}/1.jpg") for name in ("Erik", "erik")]
    assert [path and path.read_bytes() for path in found] == [b"Erik", b"erik"]
