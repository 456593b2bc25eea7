"""Addresses of the pages on the index."""

from django.urls import URLPattern, path

from gallery.views import builds

urlpatterns: list[URLPattern] = [
    path("builds/", builds.build_list, name="builds"),
    path("builds/request", builds.build_request, name="build_request"),
    path("builds/verify", builds.build_verify, name="build_verify"),
    path("builds/roll-back", builds.build_roll_back, name="build_roll_back"),
    path("builds/<int:pk>/", builds.build_page, name="build"),
    path("builds/<int:pk>/cancel", builds.build_cancel, name="build_cancel"),
    path("builds/<int:pk>/review", builds.build_review, name="build_review"),
]
