"""Addresses of share links: making them, and what they show."""

from django.urls import URLPattern, path

from gallery.views import share

urlpatterns: list[URLPattern] = [
    path("albums/<int:pk>/share", share.album_share, name="album_share"),
    path("albums/<int:pk>/share/<int:link>/revoke", share.share_revoke, name="share_revoke"),
    # For anybody who has the link
    path("shared/<str:token>/", share.shared_album, name="shared_album"),
    path("shared/<str:token>/<int:pk>/", share.shared_photo, name="shared_photo"),
    path("shared/<str:token>/<int:pk>/<slug:digest>/<int:width>", share.shared_image, name="shared_image"),
]
