"""The commands of a site on SFace, which a new one begins with, on labelled photos; the other tests run on dlib."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.embedded_faces import needs_labelled_photos, truth
from tests.labelled import folder
from tests.models_at_hand import published_sface
from tests.site import Site

pytestmark = [needs_labelled_photos, pytest.mark.slow]


def test_people_are_imported_named_and_measured_with_sface(tmp_path: Path) -> None:
    published_sface()
    base = folder()
    assert base is not None
    site = Site(tmp_path, FACESITE_EMBEDDER="sface")

    (imported,) = site.json("import_people", str(base / "five" / "gallery"))
    assert (imported["people"], imported["added"], imported["waiting"]) == (5, 9, [])
    site.json("build_index")

    wanted = truth("five")
    for photo in site.json("tag", *(str(base / "five" / "photos" / name) for name in wanted)):
        names = {face["name"] for face in photo["faces"] if face["state"] == "known"}
        assert names == set(wanted[Path(photo["path"]).name])
    strangers = site.json("tag", *map(str, sorted((base / "groups").glob("*.jpg"))))
    assert {face["state"] for photo in strangers for face in photo["faces"]} == {"unknown"}

    (measured,) = site.json("evaluate", str(base / "lfw10"))
    assert measured["embedder_id"].startswith("sface-")
    assert (measured["persons"], measured["references"], measured["rank1"]) == (10, 100, 1.0)
    assert measured["current"]["strangers_named"] == measured["current"]["wrong"] == 0
    assert measured["false_matches"][0]["true_match_rate"] == 1  # at one false match in a hundred
