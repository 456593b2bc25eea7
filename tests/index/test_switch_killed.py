"""A switch from dlib to SFace and back, killed at every step, on pictures and on vectors without any."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models_at_hand import published_sface
from tests.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.servers]

TAKE_PICTURE_AWAY = """
reference = Reference.objects.filter(person__name="Joe Biden").first()
Reference.objects.filter(person__name="Joe Biden").exclude(pk=reference.pk).delete()
Reference.objects.filter(pk=reference.pk).update(box=None, landmarks=None, quality=None, source_sha256="")
answer = reference.pk
"""
GO_ON = """
import os, signal, time
from gallery.index import builds
from gallery.people import processing

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

room, name = {room}, {name!r}
if name:
    setattr(room, name, die)
processing.MAX_STEP_SECONDS = -1
deadline = time.monotonic() + 60
while processing.advance_embedder_switch() and time.monotonic() < deadline:
    time.sleep(0.2)
"""
LOOK = """
from gallery.index.switch import get_embedder_state, filter_unsearched_references
state = get_embedder_state()
lost = list(filter_unsearched_references(Reference.objects.all()).values_list("pk", flat=True))
answer = [state.serving, state.chosen, state.is_waiting, lost]
"""
CONSENT = """
from gallery.index.switch import consent_to_switch
user, _ = User.objects.get_or_create(username="curator", role="curator")
answer = consent_to_switch(user).pk
"""
# In the order in which a switch comes by.
STEPS = [
    ("processing", "store_reference_vector"),
    ("processing", "count_lost_people"),
    ("processing", "request_build"),
    ("builds", "activate_build"),
    ("processing", "get_configured_recipe"),
]


def named(site: Site, photo: Path) -> list[str | None]:
    (tagged,) = site.json("tag", str(photo))
    return [face["name"] for face in tagged["faces"]]


def test_a_switch_goes_on_after_a_kill_at_any_step_and_back_again(
    site: Site, demo: tuple[Path, Path]
) -> None:
    published_sface()
    people, (photo,) = demo[0], demo[1].iterdir()
    site.environment["FACESITE_EMBEDDER"] = "dlib"
    site.manage("import_people", str(people))
    pictureless = site.ask(TAKE_PICTURE_AWAY)
    site.manage("build_index")
    before = named(site, photo)
    assert "Barack Obama" in before

    site.environment["FACESITE_EMBEDDER"] = "sface"
    for room, name in STEPS[:2]:
        site.manage("shell", "-v0", "-c", GO_ON.format(room=room, name=name), is_checked=False)
        assert site.ask(LOOK)[0] == "dlib"
        assert named(site, photo) == before
    site.manage("shell", "-v0", "-c", GO_ON.format(room="processing", name=""))
    assert site.ask(LOOK) == ["dlib", "sface", True, [pictureless]]
    site.ask(CONSENT)
    for room, name in STEPS[2:]:
        site.manage("shell", "-v0", "-c", GO_ON.format(room=room, name=name), is_checked=False)
        assert site.ask(LOOK)[0] == "dlib"
        assert named(site, photo) == before
    site.manage("shell", "-v0", "-c", GO_ON.format(room="processing", name=""))
    assert site.ask(LOOK) == ["sface", "sface", False, [pictureless]]
    assert site.json("verify_index")[0]["is_sound"]
    assert "Barack Obama" in named(site, photo)

    site.environment["FACESITE_EMBEDDER"] = "dlib"
    site.manage("shell", "-v0", "-c", GO_ON.format(room="processing", name=""))
    assert site.ask(LOOK) == ["dlib", "dlib", False, []]
    assert named(site, photo) == before
