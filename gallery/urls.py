"""The site's addresses."""

from django.urls import URLPattern, URLResolver, include, path

from gallery.views import health, media

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("account/", include("gallery.account_urls")),
    # Pictures
    path("pictures/photo/<int:pk>/<slug:digest>/<int:width>", media.photo_image, name="photo_image"),
    path("pictures/face/<int:pk>/<slug:digest>/<int:size>", media.face_image, name="face_image"),
    path("pictures/crop/<int:pk>/<slug:digest>/<int:size>", media.reference_image, name="reference_image"),
]
