# ruff: noqa: F405 -- run inside the site's shell, after its models; PORTRAIT is a picture's path
# mypy: ignore-errors
"""Something wrong in every list of gallery health, with pictures that can be shown."""

import uuid

from PIL import Image

from gallery.models import *  # noqa: F403
from gallery.models.storage import build_reference_name, get_media_path

GOOD = {"is_usable": True, "size": 60.0, "sharpness": 0.2, "yaw": 1.0, "exposure": 0.5, "reason": ""}

LANDMARKS = [[110, 130], [160, 130], [135, 160], [115, 190], [155, 190]]


def person(name):
    made = Person()
    made.set_name(name)
    made.save()
    return made


def stored(name):
    path = get_media_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(PORTRAIT).convert("RGB").resize((320, 400)).save(path)
    return name


def reference(whose, **columns):
    name = stored(build_reference_name(".jpg"))
    values = {"status": "approved", "work": "done", "quality": GOOD, "sha256": uuid.uuid4().hex}
    return Reference.objects.create(person=whose, image=name, **{**values, **columns})


def finding(kind, one, other=None, mine=None, theirs=None):
    Finding.objects.create(
        kind=kind, person=one, other_person=other, reference=mine, other_reference=theirs,
        similarity=0.95, own_similarity=None if kind == "confusable" else 0.84, embedder_id="dlib-0123456789ab",
    )  # fmt: skip


def faces(whose, number):
    photo = Photo.objects.create(
        file=stored(f"photos/{uuid.uuid4().hex}.jpg"), name=f"{whose.name}.jpg", sha256=uuid.uuid4().hex,
        width=320, height=400, work="done",
    )  # fmt: skip
    for place in range(number):
        Face.objects.create(
            photo=photo, left=80 + place, top=80, width=120, height=150, person=whose, state="known",
            decision="confirmed", quality=GOOD, landmarks=LANDMARKS,
        )  # fmt: skip


anna, bao, chi = person("Anna Berg"), person("Trần Bảo"), person("Chi")
pictures = {whose: [reference(whose) for _ in range(5)] for whose in (anna, bao, chi)}
finding("wrong", anna, bao, pictures[anna][0], pictures[bao][0])
finding("wrong", chi, bao, pictures[chi][0], pictures[bao][1])
finding("unlike", anna, None, pictures[anna][1])
finding("duplicate", anna, anna, pictures[anna][2], pictures[anna][3])
finding("duplicate", bao, chi, pictures[bao][2], pictures[chi][2])
finding("confusable", anna, chi)
reference(anna, quality={**GOOD, "sharpness": 0.01})
reference(bao, status="pending", work="failed", failure="No face was found in this picture.", quality=None)
only = person("Only One")
reference(only)
faces(only, 3)
faces(person("Nobody Yet"), 2)
answer = 1
