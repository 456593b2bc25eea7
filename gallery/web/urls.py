"""Every address of the site, but for the admin's."""

from django.contrib.auth import views as auth
from django.urls import URLPattern, URLResolver, include, path

from gallery.web.accounts import (
    LoginView,
    LogoutView,
    PasswordResetView,
    account_settings,
    choose_theme,
    end_other_sessions,
    join_by_invitation,
)
from gallery.web.albums import (
    album_create,
    album_detail,
    album_edit,
    album_list,
    album_remove,
    album_share_links,
    photo_album_update,
    share_link_revoke,
    shared_album,
    shared_image,
    shared_photo,
)
from gallery.web.backups import backup_action, backup_overview
from gallery.web.downloads import photo_export, photos_download
from gallery.web.erasure import (
    erasure_detail,
    erasure_list,
    erasure_receipt_file,
    person_erase,
    photo_erase,
    photos_erase,
    user_erase,
)
from gallery.web.faces import face_answer, face_draw, face_panel, people_suggest
from gallery.web.history import audit_page, event_undo, history_page
from gallery.web.home import home_page, search_page
from gallery.web.index import (
    build_cancel,
    build_changes_review,
    build_detail,
    build_request,
    build_roll_back,
    calibration_apply,
    calibration_measure,
    calibration_page,
    index_overview,
    index_verify,
)
from gallery.web.jobs import job_action, job_overview
from gallery.web.media import face_image, photo_image, photo_original, reference_image
from gallery.web.people import (
    person_add_pictures,
    person_create,
    person_detail,
    person_display_edit,
    person_edit,
    person_list,
    person_merge,
    person_split,
)
from gallery.web.photos import (
    photo_detail,
    photo_list,
    photo_progress,
    photo_restore,
    photo_retry,
    photo_state,
    photo_trash,
    photos_action,
    trash_list,
)
from gallery.web.privacy import (
    album_recognition,
    consent_list,
    person_consent,
    person_export_file,
    person_export_page,
    person_export_remove,
    person_recognition,
    photo_recognition,
)
from gallery.web.probes import liveness_probe, prometheus_metrics, readiness_probe
from gallery.web.review import (
    review_answer,
    review_card,
    review_decided_cards,
    review_page,
    review_setting,
    unknown_answer,
    unknown_faces_page,
    unknown_group,
    unknown_others,
)
from gallery.web.upload import upload_file, upload_new_album, upload_page, upload_plain
from gallery.web.worklists import (
    health_check_start,
    health_overview,
    worklist_action,
    worklist_card,
    worklist_decided_cards,
    worklist_page,
)

account_patterns: list[URLPattern] = [
    path("login", LoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("", account_settings, name="account"),
    path("sessions/end", end_other_sessions, name="sign_out_everywhere"),
    path("invitation/<str:token>", join_by_invitation, name="invitation"),
    path(
        "password",
        auth.PasswordChangeView.as_view(template_name="accounts/password_change_form.html"),
        name="password_change",
    ),
    path(
        "password/done",
        auth.PasswordChangeDoneView.as_view(template_name="accounts/password_change_done.html"),
        name="password_change_done",
    ),
    path("reset", PasswordResetView.as_view(), name="password_reset"),
    path(
        "reset/sent",
        auth.PasswordResetDoneView.as_view(template_name="accounts/password_reset_done.html"),
        name="password_reset_done",
    ),
    path(
        "reset/<uidb64>/<token>",
        auth.PasswordResetConfirmView.as_view(template_name="accounts/password_reset_confirm.html"),
        name="password_reset_confirm",
    ),
    path(
        "reset/done",
        auth.PasswordResetCompleteView.as_view(template_name="accounts/password_reset_complete.html"),
        name="password_reset_complete",
    ),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", liveness_probe, name="healthz"),
    path("", home_page, name="home"),
    path("theme", choose_theme, name="theme"),
    path("account/", include(account_patterns)),
    path("readyz", readiness_probe, name="readyz"),
    path("metrics", prometheus_metrics, name="metrics"),
    path("audit/", audit_page, name="audit"),
    # Share links
    path("albums/<int:pk>/share", album_share_links, name="album_share"),
    path("albums/<int:pk>/share/<int:link>/revoke", share_link_revoke, name="share_revoke"),
    # For anybody who has the link
    path("shared/<str:token>/", shared_album, name="shared_album"),
    path("shared/<str:token>/<int:pk>/", shared_photo, name="shared_photo"),
    path("shared/<str:token>/<int:pk>/<slug:digest>/<int:width>", shared_image, name="shared_image"),
    # Search, review, unknown faces, merging, jobs, history
    path("search/", search_page, name="search"),
    path("review/", review_page, name="review"),
    path("review/setting", review_setting, name="review_setting"),
    path("review/decided", review_decided_cards, name="review_decided"),
    path("review/<int:pk>/", review_card, name="review_card"),
    path("review/<int:pk>/say", review_answer, name="review_answer"),
    path("unknown/", unknown_faces_page, name="unknown"),
    path("unknown/say", unknown_answer, name="unknown_answer"),
    path("unknown/<int:key>/", unknown_group, name="unknown_group"),
    path("unknown/<slug:which>/", unknown_others, name="unknown_others"),
    path("people/<int:pk>/merge", person_merge, name="person_merge"),
    path("people/<int:pk>/split", person_split, name="person_split"),
    path("jobs/", job_overview, name="jobs"),
    path("jobs/act", job_action, name="jobs_act"),
    path("history/", history_page, name="history"),
    path("history/<int:pk>/undo", event_undo, name="event_undo"),
    # The index
    path("builds/", index_overview, name="builds"),
    path("builds/request", build_request, name="build_request"),
    path("builds/verify", index_verify, name="build_verify"),
    path("builds/roll-back", build_roll_back, name="build_roll_back"),
    path("builds/<int:pk>/", build_detail, name="build"),
    path("builds/<int:pk>/cancel", build_cancel, name="build_cancel"),
    path("builds/<int:pk>/review", build_changes_review, name="build_review"),
    # Consent and recognition
    path("consents/", consent_list, name="consents"),
    path("people/<int:pk>/consent", person_consent, name="person_consent"),
    path("people/<int:pk>/recognition", person_recognition, name="person_recognition"),
    path("people/<int:pk>/export", person_export_page, name="person_export"),
    path("people/<int:pk>/export/<int:export>", person_export_file, name="person_export_file"),
    path(
        "people/<int:pk>/export/<int:export>/remove",
        person_export_remove,
        name="person_export_remove",
    ),
    path("photos/<int:pk>/recognition", photo_recognition, name="photo_recognition"),
    path("albums/<int:pk>/recognition", album_recognition, name="album_recognition"),
    # Gallery health
    path("health/", health_overview, name="gallery_health"),
    path("health/check", health_check_start, name="gallery_check"),
    path("health/<slug:kind>/", worklist_page, name="worklist"),
    path("health/<slug:kind>/decided", worklist_decided_cards, name="worklist_decided"),
    path("health/<slug:kind>/<int:pk>/", worklist_card, name="worklist_card"),
    path("health/<slug:kind>/<int:pk>/act", worklist_action, name="worklist_act"),
    # Erasing for good, and its receipts
    path("people/<int:pk>/erase", person_erase, name="person_erase"),
    path("photos/<int:pk>/erase", photo_erase, name="photo_erase"),
    path("photos/erase", photos_erase, name="photos_erase"),
    path("users/<int:pk>/erase", user_erase, name="user_erase"),
    path("erasures/", erasure_list, name="erasures"),
    path("erasures/<uuid:receipt>/", erasure_detail, name="erasure"),
    path("erasures/<uuid:receipt>/receipt.json", erasure_receipt_file, name="erasure_file"),
    # Backups
    path("backups/", backup_overview, name="backups"),
    path("backups/act", backup_action, name="backups_act"),
    # Photos
    path("photos/", photo_list, name="photos"),
    path("photos/progress", photo_progress, name="photo_progress"),
    path("photos/act", photos_action, name="photos_act"),
    path("photos/download", photos_download, name="photos_download"),
    path("photos/<int:pk>/", photo_detail, name="photo"),
    path("photos/<int:pk>/state", photo_state, name="photo_state"),
    path("photos/<int:pk>/trash", photo_trash, name="photo_trash"),
    path("photos/<int:pk>/restore", photo_restore, name="photo_restore"),
    path("photos/<int:pk>/retry", photo_retry, name="photo_retry"),
    path("photos/<int:pk>/draw", face_draw, name="face_draw"),
    path("photos/<int:pk>/album", photo_album_update, name="photo_album"),
    path("photos/<int:pk>/export/<slug:kind>", photo_export, name="photo_export"),
    path("trash/", trash_list, name="trash"),
    path("upload/", upload_page, name="upload"),
    path("upload/plain", upload_plain, name="upload_plain"),
    path("upload/file", upload_file, name="upload_file"),
    path("upload/album", upload_new_album, name="upload_album"),
    # Faces
    path("faces/<int:pk>/", face_panel, name="face"),
    path("faces/<int:pk>/say", face_answer, name="face_answer"),
    # Albums
    path("albums/", album_list, name="albums"),
    path("albums/new", album_create, name="album_new"),
    path("albums/<int:pk>/", album_detail, name="album"),
    path("albums/<int:pk>/edit", album_edit, name="album_edit"),
    path("albums/<int:pk>/remove", album_remove, name="album_remove"),
    # People
    path("people/", person_list, name="people"),
    path("people/new", person_create, name="person_new"),
    path("people/suggest", people_suggest, name="people_suggest"),
    path("people/<int:pk>/", person_detail, name="person"),
    path("people/<int:pk>/edit", person_edit, name="person_edit"),
    path("people/<int:pk>/set", person_display_edit, name="person_set"),
    path("people/<int:pk>/pictures", person_add_pictures, name="person_pictures"),
    # Trust in names
    path("names/", calibration_page, name="calibration"),
    path("names/measure", calibration_measure, name="calibration_measure"),
    path("names/<int:pk>/apply", calibration_apply, name="calibration_apply"),
    # Pictures
    path("pictures/photo/<int:pk>/<slug:digest>/<int:width>", photo_image, name="photo_image"),
    path("pictures/face/<int:pk>/<slug:digest>/<int:size>", face_image, name="face_image"),
    path("photos/<int:pk>/original", photo_original, name="photo_original"),
    path("pictures/crop/<int:pk>/<slug:digest>/<int:size>", reference_image, name="reference_image"),
]
