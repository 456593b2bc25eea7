"""Addresses about what people agreed to: consents, recognition switched off, all that is known about one."""

from django.urls import URLPattern, path

from gallery.views import consents, person_exports, recognition

urlpatterns: list[URLPattern] = [
    path("consents/", consents.consents_page, name="consents"),
    path("people/<int:pk>/consent", consents.person_consent, name="person_consent"),
    path("people/<int:pk>/recognition", recognition.person_recognition, name="person_recognition"),
    path("people/<int:pk>/export", person_exports.person_export, name="person_export"),
    path("people/<int:pk>/export/<int:export>", person_exports.person_export_file, name="person_export_file"),
    path(
        "people/<int:pk>/export/<int:export>/remove",
        person_exports.person_export_remove,
        name="person_export_remove",
    ),
    path("photos/<int:pk>/recognition", recognition.photo_recognition, name="photo_recognition"),
    path("albums/<int:pk>/recognition", recognition.album_recognition, name="album_recognition"),
]
