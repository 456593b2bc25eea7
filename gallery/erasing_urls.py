"""Addresses of erasing for good, and of its receipts."""

from django.urls import URLPattern, path

from gallery.views import erasing

urlpatterns: list[URLPattern] = [
    path("people/<int:pk>/erase", erasing.person_erase, name="person_erase"),
    path("photos/<int:pk>/erase", erasing.photo_erase, name="photo_erase"),
    path("photos/erase", erasing.photos_erase, name="photos_erase"),
    path("users/<int:pk>/erase", erasing.user_erase, name="user_erase"),
    path("erasures/", erasing.erasures, name="erasures"),
    path("erasures/<uuid:receipt>/", erasing.erasure, name="erasure"),
    path("erasures/<uuid:receipt>/receipt.json", erasing.erasure_file, name="erasure_file"),
]
