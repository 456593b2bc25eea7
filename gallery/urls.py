"""The site's addresses."""

from django.urls import URLPattern, URLResolver, include, path

from gallery.views import (
    albums,
    audit_page,
    calibration,
    exports,
    faces,
    health,
    home,
    media,
    people,
    photo,
    photos,
    theme,
    upload,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("", home.home, name="home"),
    path("theme", theme.choose_theme, name="theme"),
    path("account/", include("gallery.account_urls")),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics_page, name="metrics"),
    path("audit/", audit_page.audit_page, name="audit"),
    path("", include("gallery.share_urls")),
    path("", include("gallery.curation_urls")),
    path("", include("gallery.build_urls")),
    path("", include("gallery.privacy_urls")),
    path("", include("gallery.health_urls")),
    path("", include("gallery.erasing_urls")),
    path("", include("gallery.backup_urls")),
    # Photos
    path("photos/", photos.photo_list, name="photos"),
    path("photos/progress", photos.photo_progress, name="photo_progress"),
    path("photos/<int:pk>/", photo.photo_page, name="photo"),
    path("photos/<int:pk>/state", photo.photo_state, name="photo_state"),
    path("photos/<int:pk>/trash", photo.photo_trash, name="photo_trash"),
    path("photos/<int:pk>/restore", photo.photo_restore, name="photo_restore"),
    path("photos/<int:pk>/retry", photo.photo_retry, name="photo_retry"),
    path("photos/<int:pk>/draw", faces.face_draw, name="face_draw"),
    path("photos/<int:pk>/album", albums.photo_album, name="photo_album"),
    path("photos/<int:pk>/export/<slug:kind>", exports.photo_export, name="photo_export"),
    path("trash/", photo.trash, name="trash"),
    path("upload/", upload.upload_page, name="upload"),
    path("upload/plain", upload.upload_plain, name="upload_plain"),
    path("upload/file", upload.upload_file, name="upload_file"),
    path("upload/album", upload.upload_album, name="upload_album"),
    # Faces
    path("faces/<int:pk>/", faces.face_panel, name="face"),
    path("faces/<int:pk>/say", faces.face_say, name="face_say"),
    # Albums
    path("albums/", albums.album_list, name="albums"),
    path("albums/new", albums.album_new, name="album_new"),
    path("albums/<int:pk>/", albums.album_page, name="album"),
    path("albums/<int:pk>/edit", albums.album_edit, name="album_edit"),
    path("albums/<int:pk>/remove", albums.album_remove, name="album_remove"),
    # People
    path("people/", people.people_list, name="people"),
    path("people/new", people.person_new, name="person_new"),
    path("people/suggest", faces.people_suggest, name="people_suggest"),
    path("people/<int:pk>/", people.person_page, name="person"),
    path("people/<int:pk>/edit", people.person_edit, name="person_edit"),
    path("people/<int:pk>/set", people.person_set, name="person_set"),
    path("people/<int:pk>/pictures", people.person_pictures, name="person_pictures"),
    # Trust in names
    path("names/", calibration.calibration_page, name="calibration"),
    path("names/measure", calibration.calibration_measure, name="calibration_measure"),
    path("names/<int:pk>/apply", calibration.calibration_apply, name="calibration_apply"),
    # Pictures
    path("pictures/photo/<int:pk>/<slug:digest>/<int:width>", media.photo_image, name="photo_image"),
    path("pictures/face/<int:pk>/<slug:digest>/<int:size>", media.face_image, name="face_image"),
    path("photos/<int:pk>/original", media.photo_original, name="photo_original"),
    path("pictures/crop/<int:pk>/<slug:digest>/<int:size>", media.reference_image, name="reference_image"),
]
