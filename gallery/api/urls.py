"""Addresses of the HTTP API; importing the modules makes their calls known."""

from gallery.api import faces, lookups, people, photos, site  # noqa: F401
from gallery.api.base import api

urls = api.urls
