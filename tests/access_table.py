"""Who may ask for what: one line for every address of the site. A new address needs a line here.

    "photo": VIEWER("photo"),                  GET, the address takes a photo's id; viewers and up
    "face_confirm": CONTRIBUTOR("face").post   POST
    "login": OPEN(),                           nobody needs to be logged in

    "api:get_photo": ("read", VIEWER("photo")),   a call of the API, which needs a key with this scope

The words are those of `access_world.py`. An address that takes an album, photo, face or reference is also
asked for one in an album limited to other users, which must be answered as if it were not there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gallery.models import Role


@dataclass(frozen=True)
class Rule:
    role: Role | None  # the least role that may; None: open to everybody
    words: tuple[str, ...] = ()
    method: str = "get"
    note: str = ""  # why it differs from its neighbours

    def __call__(self, *words: str) -> Rule:
        return replace(self, words=words)

    @property
    def post(self) -> Rule:
        return replace(self, method="post")

    def by(self, method: str) -> Rule:
        return replace(self, method=method)


OPEN = Rule(None)
VIEWER = Rule(Role.VIEWER)
CONTRIBUTOR = Rule(Role.CONTRIBUTOR)
CURATOR = Rule(Role.CURATOR)
ADMINISTRATOR = Rule(Role.ADMINISTRATOR)

TABLE: dict[str, Rule] = {
    "healthz": OPEN(),
    "readyz": OPEN(),
    "manifest": OPEN(),
    "service_worker": OPEN(),
    "offline": OPEN(),
    "upload_shared": CONTRIBUTOR().post,
    "metrics": OPEN(),  # with a token of its own: see test_metrics.py
    "audit": ADMINISTRATOR(),
    "backups": ADMINISTRATOR(),
    "backups_act": ADMINISTRATOR().post,
    "site_settings": ADMINISTRATOR(),
    # Accounts
    "login": OPEN(),
    "logout": VIEWER().post,
    "invitation": OPEN("token"),
    "account": VIEWER(),
    "sign_out_everywhere": VIEWER().post,
    "api_key_create": VIEWER().post,
    "api_key_revoke": VIEWER("apikey").post,  # whose key it is says whether it does anything
    "set_language": OPEN().post,
    "theme": OPEN().post,
    "password_change": VIEWER(),
    "password_change_done": VIEWER(),
    "password_reset": OPEN(),
    "password_reset_done": OPEN(),
    "password_reset_confirm": OPEN("uid", "token"),
    "password_reset_complete": OPEN(),
    # Pages
    "home": VIEWER(),
    "manage": CONTRIBUTOR(),
    "photos": VIEWER(),
    "photo_progress": VIEWER(),
    "timeline": VIEWER(),
    "slides": VIEWER(),
    "photos_act": CONTRIBUTOR().post,
    "photos_download": VIEWER().post,
    "sidecars": CONTRIBUTOR(),
    "photo_order": VIEWER().post,
    "photos_moments": CONTRIBUTOR().post,
    "photo": VIEWER("photo"),
    "photo_state": VIEWER("photo"),
    "photo_export": VIEWER("photo", "export_kind"),
    "photos_favourite": VIEWER().post,
    "photo_unstack": CONTRIBUTOR("photo").post,
    "photo_describe": CONTRIBUTOR("photo"),
    "tags": VIEWER(),
    "tag": VIEWER(),
    "photo_trash": CONTRIBUTOR("photo").post,
    "photo_restore": CONTRIBUTOR("trashed_photo").post,
    "photo_retry": CONTRIBUTOR("photo").post,
    "photo_album": CONTRIBUTOR("photo").post,
    "face_draw": CONTRIBUTOR("photo").post,
    "trash": CONTRIBUTOR(),
    "upload": CONTRIBUTOR(),
    "upload_plain": CONTRIBUTOR().post,
    "upload_file": CONTRIBUTOR().post,
    "upload_album": CONTRIBUTOR().post,
    "upload_begin": CONTRIBUTOR().post,
    "upload_part": CONTRIBUTOR().post,
    "upload_discard": CONTRIBUTOR().post,
    "face": VIEWER("face"),
    "face_answer": CONTRIBUTOR("face").post,
    "alike_faces": VIEWER("face"),
    "alike_to_picture": VIEWER(),
    "alike_faces_answer": CONTRIBUTOR().post,
    "albums": VIEWER(),
    "album": VIEWER("album"),
    "album_new": CONTRIBUTOR(),
    "album_edit": CURATOR("album"),
    "album_order": CURATOR("album"),
    "album_remove": CURATOR("album").post,
    "people": VIEWER(),
    "people_suggest": CONTRIBUTOR(),
    "person": VIEWER("person"),
    "person_new": CONTRIBUTOR(),
    "person_edit": CURATOR("person"),
    "person_set": CURATOR("person").post,
    "person_pictures": CONTRIBUTOR("person").post,
    # Review, unknown faces, merging, history, search
    "who": VIEWER(),
    "review": CONTRIBUTOR(),
    "review_setting": CURATOR().post,
    "review_decided": CONTRIBUTOR(),
    "review_card": CONTRIBUTOR("face"),
    "review_answer": CONTRIBUTOR("face").post,
    "file_names": CONTRIBUTOR(),
    "file_names_act": CONTRIBUTOR().post,
    "unknown": CONTRIBUTOR(),
    "unknown_group": CONTRIBUTOR("number"),
    "unknown_others": CONTRIBUTOR("which"),
    "unknown_answer": CONTRIBUTOR().post,
    "unknown_regroup": CURATOR().post,
    "groups": VIEWER(),
    "group_new": CURATOR().post,
    "group": VIEWER("group"),
    "group_act": CURATOR("group").post,
    "people_act": CURATOR().post,
    "person_favourite": VIEWER("person").post,
    "person_merge": CURATOR("person"),
    "person_split": CURATOR("person"),
    "jobs": CURATOR(),
    "jobs_act": CURATOR().post,
    "history": CONTRIBUTOR(),
    "event_undo": CONTRIBUTOR("event").post,
    "search": VIEWER(),
    # Privacy
    "consents": CURATOR(),
    "person_consent": CURATOR("person"),
    "person_recognition": CURATOR("person"),
    "person_export": ADMINISTRATOR("person"),
    "person_export_file": ADMINISTRATOR("person", "person_export"),
    "person_export_remove": ADMINISTRATOR("person", "person_export").post,
    "photo_recognition": CONTRIBUTOR("photo"),
    "album_recognition": CURATOR("album"),
    # Gallery health
    "gallery_health": CURATOR(),
    "gallery_check": CURATOR().post,
    "worklist": CURATOR("worklist"),
    "worklist_decided": CURATOR("worklist"),
    "worklist_card": CURATOR("worklist", "finding"),
    "worklist_act": CURATOR("worklist", "finding").post,
    # Trust in names
    "builds": CURATOR(),
    "build": CURATOR("build"),
    "build_request": CURATOR().post,
    "build_verify": CURATOR().post,
    "build_cancel": CURATOR("build").post,
    "build_roll_back": CURATOR().post,
    "embedder_choose": CURATOR().post,
    "build_review": CURATOR("build").post,
    "calibration": CURATOR(),
    "calibration_measure": CURATOR().post,
    "calibration_try": CURATOR().post,
    "calibration_apply": CURATOR("calibration").post,
    # Share links
    "album_share": CURATOR("album"),
    "share_revoke": CURATOR("album", "sharelink").post,
    "shared_album": OPEN("token"),
    "shared_photo": OPEN("token", "photo"),
    "shared_image": OPEN("token", "photo", "photo_digest", "width"),
    # Erasing: what is never undone is for administrators, who see every album
    "person_erase": ADMINISTRATOR("person"),
    "photo_erase": ADMINISTRATOR("photo"),
    "photos_erase": ADMINISTRATOR().post,
    "user_erase": ADMINISTRATOR("user"),
    "erasures": ADMINISTRATOR(),
    "erasure": ADMINISTRATOR("receipt"),
    "erasure_file": ADMINISTRATOR("receipt"),
    # Pictures
    "photo_image": VIEWER("photo", "photo_digest", "width"),
    "photo_original": CONTRIBUTOR("photo"),
    "photo_companion": CONTRIBUTOR("photo", "companion"),
    "face_image": VIEWER("face", "face_digest", "size"),
    "reference_image": VIEWER("reference", "reference_digest", "size"),
}

# Calls of the API: the scope of the key, and the role of its user. Sessions open none of them.
API_TABLE: dict[str, tuple[str, Rule]] = {
    "api:list_photos": ("read", VIEWER()),
    "api:send_photo": ("upload", CONTRIBUTOR().post),
    "api:get_photo": ("read", VIEWER("photo")),
    "api:get_photo_picture": ("read", VIEWER("photo")),
    "api:get_photo_original": ("read", CONTRIBUTOR("photo")),
    "api:delete_photo": ("curate", CONTRIBUTOR("photo").by("delete")),
    "api:decide_on_face": ("decide", CONTRIBUTOR("face").post),
    "api:get_face_crop": ("read", VIEWER("face")),
    "api:search_faces": ("read", VIEWER().post),
    "api:identify": ("read", VIEWER().post),
    "api:compare": ("read", VIEWER().post),
    "api:find_people": ("read", VIEWER()),
    "api:add_person": ("curate", CONTRIBUTOR().post),
    "api:get_person": ("read", VIEWER("person")),
    "api:change_person": ("curate", CURATOR("person").by("patch")),
    "api:hide_person": ("curate", CURATOR("person").by("delete")),
    "api:list_references": ("read", VIEWER("person")),
    "api:add_person_reference": ("curate", CONTRIBUTOR("person").post),
    "api:find_albums": ("read", VIEWER()),
    "api:add_album": ("upload", CONTRIBUTOR().post),
    "api:search_everything": ("read", VIEWER()),
    "api:list_builds": ("read", CURATOR()),
    "api:get_jobs": ("read", CURATOR()),
    "api:list_history": ("read", CONTRIBUTOR()),
    "api:undo_event": ("curate", CONTRIBUTOR("event").post),
}
# The same calls as CompreFace's clients make them
API_TABLE |= {
    "compreface:recognise": ("read", VIEWER().post),
    "compreface:verify": ("read", VIEWER("reference").post),
    "compreface:add_example": ("curate", CONTRIBUTOR().post),
    "compreface:list_faces": ("read", VIEWER()),
    "compreface:delete_examples": ("curate", CURATOR().by("delete")),
    "compreface:delete_some_examples": ("curate", CURATOR().post),
    "compreface:delete_example": ("curate", CURATOR("reference").by("delete")),
    "compreface:get_example_picture": ("read", VIEWER("reference")),
    "compreface:list_subjects": ("read", VIEWER()),
    "compreface:list_subjects_as_documented": ("read", VIEWER()),
    "compreface:create_subject": ("curate", CONTRIBUTOR().post),
    "compreface:rename_subject": ("curate", CURATOR("subject").by("put")),
    "compreface:delete_subject": ("curate", CURATOR("subject").by("delete")),
    "compreface:delete_all_subjects": ("curate", CURATOR().by("delete")),
}
# What describes the API holds nothing of the site
API_OPEN = {"api:openapi-json", "api:openapi-view", "api:api-root", "compreface:api-root"}

# The admin's own pages follow a rule: curators and up for the gallery's models, administrators for the rest.
# What a page of ours inside the admin takes, where it is not the id of its model:
ADMIN_WORDS: dict[str, tuple[str, ...]] = {}
# Pages inside the admin that do not follow the rule, or are only for POST.
ADMIN_TABLE: dict[str, Rule] = {
    "index": CURATOR(),
    "gallery_person_export": CURATOR(),
    "gallery_person_import": CURATOR(),
    "gallery_person_pictures": CURATOR("person"),
    "gallery_person_pictures_save": CURATOR("person").post,
    "gallery_person_draft": CURATOR("draft"),
    "gallery_person_draft_image": CURATOR("draft"),
    "app_list": CURATOR("app"),
    "view_on_site": CURATOR("content_type", "person"),
    "logout": VIEWER().post,
    "password_change": CURATOR(),
    "password_change_done": CURATOR(),
    "autocomplete": CURATOR(),
    "jsi18n": CURATOR(),
}
