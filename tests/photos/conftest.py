"""Two curators, an album that only one of them sees, and one for everybody."""

from __future__ import annotations

import pytest

from gallery.models import Album, User
from gallery.photos.albums import create_album
from tests.making import a_user


@pytest.fixture
def mai(db: None) -> User:
    return a_user("Mai")


@pytest.fixture
def other(db: None) -> User:
    return a_user("Other")


@pytest.fixture
def board(mai: User) -> Album:
    return create_album(mai, "Board", is_limited=True)


@pytest.fixture
def trip(mai: User) -> Album:
    return create_album(mai, "Trip")
