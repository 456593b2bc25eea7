"""What can be done about a failed job, in a sentence."""

from __future__ import annotations

from django.utils.translation import gettext as _

from gallery.models import Work

DAMAGED_FILE_CODES = {
    "empty", "header_cut_off", "cut_off", "undecodable", "false_start", "broken_pages", "too_many_properties",
    "no_pixels", "decoder_failed", "two_at_once",
}  # fmt: skip
TOO_LARGE_CODES = {
    "too_many_bytes", "over_the_bytes", "too_long_a_side", "too_many_pixels", "far_too_many_pixels",
    "too_much_memory", "too_long", "too_much_metadata", "too_many_frames",
}  # fmt: skip
WRONG_FORMAT_CODES = {"no_photo", "looks_like"}
WRONG_PICTURE_CODES = {"no_face", "several_faces"}


def is_retry_useful(row: Work) -> bool:
    """Whether it could end otherwise: not where the picture itself is at fault."""
    return row.failure_code not in DAMAGED_FILE_CODES | WRONG_FORMAT_CODES | WRONG_PICTURE_CODES


def suggest_remedy(row: Work) -> str:
    code = row.failure_code
    if code in DAMAGED_FILE_CODES:
        return _("Trying again will not help. Add a good copy of the file and put this one into the trash.")
    if code in TOO_LARGE_CODES:
        return _("Save it smaller and add it anew, or have the administrator raise the limit and try again.")
    if code in WRONG_FORMAT_CODES:
        return _("Save it as JPEG or PNG and add it anew.")
    if code in WRONG_PICTURE_CODES:
        return _("Choose a picture with one clear face, and reject this one.")
    return _("Try again. If it fails again, the worker's log says more.")
