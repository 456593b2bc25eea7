"""Addresses of the page on backups."""

from django.urls import URLPattern, path

from gallery.views import backups

urlpatterns: list[URLPattern] = [
    path("backups/", backups.backups_page, name="backups"),
    path("backups/act", backups.backups_act, name="backups_act"),
]
