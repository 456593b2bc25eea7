"""Share links: who has one sees the album and nothing else, while it works, and no more than was chosen."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image

from gallery.models import Album, Event, Face, Person, Photo, ShareLink, Status
from gallery.photos.sharing import revoke_share_link, share_album
from tests.access_world import World, make_world
from tests.making import a_photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(own_data: Path) -> World:
    world = make_world()
    Photo.objects.update(work=Status.DONE)
    Face.objects.update(state="known")
    for prefix in ("", "hidden_"):  # not gray: a hidden face must be seen to be hidden
        Image.effect_noise((800, 600), 120).convert("RGB").save(
            own_data / "media" / f"{prefix}a.jpg", quality=95
        )
    return world


def link(world: World, **choice: Any) -> tuple[ShareLink, str]:
    album = Album.objects.get(pk=world.values["album"])
    return share_album(world.users["curator"], album, days=7, **choice)


def image_address(page: str) -> str:
    found = re.search(r'src="(/shared/[^"]+)"', page)
    assert found
    return found.group(1)


def test_a_link_shows_the_album_to_who_has_it_without_names(world: World) -> None:
    kept, token = link(world)
    assert token not in str(list(ShareLink.objects.values()))
    album = Client().get(f"/shared/{token}/")
    assert album.status_code == 200
    assert album["X-Robots-Tag"].startswith("noindex")
    photo = Client().get(f"/shared/{token}/{world.values['photo']}/")
    assert Client().get(image_address(photo.content.decode())).status_code == 200
    for page in (album, photo):
        assert "Lan" not in page.content.decode()
        assert "a.jpg" not in page.content.decode()
    assert Event.objects.filter(verb="seen", object_type="sharelink", object_id=kept.pk).count() == 1


def test_names_are_shown_only_when_chosen_and_only_of_people_who_may_be_recognised(world: World) -> None:
    _, token = link(world, has_names=True)
    address = f"/shared/{token}/{world.values['photo']}/"
    assert "Lan" in Client().get(address).content.decode()
    Person.objects.filter(name="Lan").update(is_recognised=False)
    assert "Lan" not in Client().get(address).content.decode()


def test_the_face_of_who_may_not_be_recognised_is_gone_from_what_is_shared(world: World) -> None:
    _, token = link(world)
    address = f"/shared/{token}/{world.values['photo']}/"
    Face.objects.filter(photo=world.values["photo"]).update(left=100, top=100, width=200, height=200)
    plain = picture(address)
    Person.objects.filter(name="Lan").update(is_recognised=False)
    hidden = picture(address)
    inside, outside = (150, 150, 250, 250), (500, 300, 780, 580)
    assert spread(hidden.crop(inside)) < spread(plain.crop(inside)) / 4
    assert spread(hidden.crop(outside)) == pytest.approx(spread(plain.crop(outside)), rel=0.1)


def test_the_address_of_a_face_still_shown_stops_working_when_it_must_be_hidden(world: World) -> None:
    _, token = link(world)
    before = image_address(Client().get(f"/shared/{token}/{world.values['photo']}/").content.decode())
    Person.objects.filter(name="Lan").update(is_recognised=False)
    assert Client().get(before).status_code == 404


def picture(page: str) -> Image.Image:
    response = Client().get(image_address(Client().get(page).content.decode()))
    return Image.open(BytesIO(b"".join(response.streaming_content)))  # type: ignore[attr-defined] -- a file


def spread(image: Image.Image) -> float:
    low, high = image.convert("L").resize((20, 20), Image.Resampling.NEAREST).getextrema()
    return float(high - low)  # type: ignore[operator, arg-type] -- numbers, of one band


def test_photos_that_no_worker_has_looked_at_are_not_shared(world: World) -> None:
    _, token = link(world)
    Photo.objects.update(work=Status.QUEUED)
    assert Client().get(f"/shared/{token}/{world.values['photo']}/").status_code == 404


def test_a_link_opens_nothing_but_its_album(world: World) -> None:
    _, token = link(world)
    for other in ("hidden_photo", "trashed_photo"):
        assert Client().get(f"/shared/{token}/{world.values[other]}/").status_code == 404
    for address in ("/", "/photos/", "/people/", f"/photos/{world.values['photo']}/"):
        assert Client().get(address).status_code == 302


def test_one_goes_from_photo_to_photo_among_those_that_are_shared(world: World) -> None:
    _, token = link(world)
    first = Photo.objects.get(pk=world.values["photo"])
    several, album = [first], Album.objects.get(pk=world.values["album"])
    for work in (Status.QUEUED, Status.DONE, Status.DONE):
        several.append(a_photo(album=album, work=work))
    shared = [photo.pk for photo in several if photo.work == Status.DONE]
    elsewhere = a_photo()
    assert elsewhere.pk > shared[-1]
    ways = []
    for pk in shared:
        page = Client().get(f"/shared/{token}/{pk}/").content.decode()
        ways.append(re.findall(rf'href="/shared/{token}/(\d+)/"[^>]*data-key="([^"]+)"', page))
    assert ways == [
        [(str(shared[1]), "[")],
        [(str(shared[2]), "["), (str(shared[0]), "]")],
        [(str(shared[1]), "]")],
    ]


def test_an_expired_revoked_or_invented_link_is_no_page(world: World) -> None:
    expired, first = link(world)
    ShareLink.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    revoked, second = link(world)
    revoke_share_link(world.users["curator"], revoked)
    for token in (first, second, "x" * 43, expired.token_hash):
        for rest in ("", f"{world.values['photo']}/"):
            assert Client().get(f"/shared/{token}/{rest}").status_code == 404


def test_a_curator_makes_a_link_sees_it_once_and_takes_it_back(world: World) -> None:
    client = Client()
    client.force_login(world.users["curator"])
    page = f"/albums/{world.values['album']}/share"
    made = client.post(page, {"days": "30", "names": "on"}).content.decode()
    address = re.search(r"http://testserver(/shared/[\w-]{43}/)", made)
    assert address
    assert Client().get(address.group(1)).status_code == 200
    assert "/shared/" not in client.get(page).content.decode()
    newest = ShareLink.objects.order_by("-pk")[0]
    assert newest.has_names
    client.post(f"{page}/{newest.pk}/revoke")
    assert Client().get(address.group(1)).status_code == 404
