"""A site whose vectors are from before faces were turned and brightened keeps all that did not change by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.servers]

AGE = """
import json
from django.conf import settings
from django.utils import timezone
from gallery.index import engine
new = engine.get_configured_embedder()
(old,) = new.earlier_ids
for model in (ReferenceVector, Build, GalleryChange):
    model.objects.filter(embedder_id=new.id).update(embedder_id=old)
for build in Build.objects.exclude(directory=""):
    Build.objects.filter(pk=build.pk).update(directory=build.directory.replace(new.id, old))
(settings.INDEX_ROOT / new.id).rename(settings.INDEX_ROOT / old)
serving = SiteSetting.objects.get(pk="serving")
serving.value["id"] = old
serving.save()
bounds = {"known": 0.93, "unsure": 0.9, "margin": 0.02}
Calibration.objects.create(embedder_id=old, bounds=bounds, applied_at=timezone.now())
sideways = Reference.objects.get(person__name="Joe Biden", quality__roll__gt=60)
assert ReferenceVector.objects.filter(reference=sideways).update(vector=ReferenceVector.objects.first().vector)
pictureless = Reference.objects.filter(person__name="Barack Obama").first()
Reference.objects.filter(pk=pictureless.pk).update(box=None, landmarks=None, quality=None)
photo = Photo.objects.create(name="a.jpg", file="photos/a.jpg", sha256="a", work="done", width=9, height=9)
place = {"photo": photo, "left": 0, "top": 0, "width": 5, "height": 5, "score": 1}
vector = pictureless.vectors.first().vector
for name, roll, exposure, is_usable in (("lit", 3, 0.5, True), ("lying", 95, 0.5, True), ("dark", 3, 0.04, False)):
    quality = {"roll": roll, "exposure": exposure, "contrast": 0.1, "reason": "" if is_usable else "dark"}
    row = Face(**place, quality=quality, is_usable=is_usable)
    if is_usable:
        row.embedding, row.embedder_id = vector, old
    row.save()
answer = [old, new.id, sideways.pk, pictureless.pk]
"""
FIRST_LOOK = """
from django.conf import settings
from gallery.index import engine
serving = engine.get_serving_embedder()
answer = {
    "serving": serving.id,
    "known": engine.get_decision_bounds(serving).known,
    "references": sorted(ReferenceVector.objects.filter(embedder_id=serving.id).values_list("reference", flat=True)),
    "faces": list(Face.objects.order_by("pk").values_list("embedder_id", flat=True)),
    "builds": sorted({(build.embedder_id, build.is_active) for build in Build.objects.all()}),
    "folders": sorted(path.name for path in settings.INDEX_ROOT.iterdir()),
}
"""
SWITCH = """
from gallery.people.processing import advance_embedder_switch
for _ in range(20):
    advance_embedder_switch()
answer = sorted(set(ReferenceVector.objects.values_list("embedder_id", "reference")))
"""


def test_upright_vectors_and_bounds_go_on_and_only_turned_and_dark_faces_are_embedded_anew(
    site: Site, demo: tuple[Path, Path], tmp_path: Path
) -> None:
    people, (photo,) = demo[0], demo[1].iterdir()
    site.manage("import_people", str(people))
    sideways_folder = tmp_path / "Joe Biden"
    sideways_folder.mkdir()
    with Image.open(people / "Joe Biden" / "portrait-2013.jpg") as portrait:
        portrait.rotate(-90, expand=True).save(sideways_folder / "sideways.jpg")
    site.manage("import_people", str(tmp_path))
    site.manage("build_index")
    old, new, sideways, pictureless = site.ask(AGE)

    seen = site.ask(FIRST_LOOK)
    assert (seen["serving"], seen["known"]) == (new, 0.93)
    assert pictureless in seen["references"]
    assert sideways not in seen["references"]
    assert len(seen["references"]) == 3
    assert seen["faces"] == [new, old, old]
    assert seen["builds"] == [[new, False]]
    assert old not in seen["folders"]
    (tagged,) = site.json("tag", str(photo))
    assert [face["name"] for face in tagged["faces"]] == ["Barack Obama", None]

    assert {embedder_id for embedder_id, _reference in site.ask(SWITCH)} == {new}
    assert site.ask(FIRST_LOOK)["references"] == sorted([*seen["references"], sideways])
    (verified,) = site.json("verify_index")
    assert verified["is_sound"]
    (tagged,) = site.json("tag", str(photo))
    assert [face["name"] for face in tagged["faces"]] == ["Barack Obama", None]
