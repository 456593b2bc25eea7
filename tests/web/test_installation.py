"""What a browser is told so that it may install the site."""

from __future__ import annotations

import json

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from PIL import Image


def test_the_manifest_names_icons_of_the_sizes_it_says_and_where_to_share(client: Client) -> None:
    answer = client.get("/manifest.webmanifest")
    assert answer["Content-Type"] == "application/manifest+json"
    manifest = json.loads(answer.content)
    for icon in manifest["icons"]:
        with Image.open(str(finders.find(icon["src"].removeprefix("/static/")))) as picture:
            assert icon["sizes"] == f"{picture.width}x{picture.height}"
    assert manifest["share_target"]["action"] == "/upload/shared"


def test_the_service_worker_knows_the_addresses_of_the_site(client: Client) -> None:
    answer = client.get("/service-worker.js")
    assert answer["Content-Type"] == "text/javascript"
    code = answer.content.decode()
    for address in ("/offline", "/upload/shared", "/upload/", "/static/"):
        assert f'"{address}"' in code


@pytest.mark.django_db
def test_whoever_shares_photos_while_signed_out_is_told_to_share_them_again(client: Client) -> None:
    answer = client.get("/upload/?shared=1", follow=True)
    assert "share it again" in answer.content.decode()
    assert "share it again" not in client.get("/upload/", follow=True).content.decode()
