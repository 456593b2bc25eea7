"""Addresses of the HTTP API; importing the modules makes their calls known."""

from gallery.api import compreface, faces, lookups, people, photos, site  # noqa: F401
from gallery.api.base import api

urls, compreface_urls = api.urls, compreface.api.urls
