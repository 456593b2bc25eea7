"""What can be done about a failure, in a sentence; the failure itself is said by `gallery.refusals`."""

from __future__ import annotations

from django.utils.translation import gettext as _

from recognition.refusals import recognise

DAMAGED = {
    "empty", "header_cut_off", "cut_off", "undecodable", "false_start", "broken_pages", "too_many_properties",
    "no_pixels", "decoder_failed", "two_at_once",
}  # fmt: skip
TOO_MUCH = {
    "too_many_bytes", "over_the_bytes", "too_long_a_side", "too_many_pixels", "far_too_many_pixels",
    "too_much_memory", "too_long", "too_much_metadata", "too_many_frames",
}  # fmt: skip
OTHER_KIND = {"no_photo", "looks_like"}
OTHER_PICTURE = {"no_face", "several_faces"}


def helps_to_try_again(failure: str) -> bool:
    """Whether it could end otherwise: not where the picture itself is at fault."""
    found = recognise(failure)
    return found is None or found.code not in DAMAGED | OTHER_KIND | OTHER_PICTURE


def remedy(failure: str, kind: str = "photo") -> str:
    if kind == "draft":
        return _("Leave it out on the person's page and send a good copy, or another picture.")
    if kind == "export":
        return _("Make room on the disk and try again, or ask for it anew on the person's page.")
    found = recognise(failure)
    code = found.code if found else ""
    if code in DAMAGED:
        return _("Trying again will not help. Add a good copy of the file and put this one into the trash.")
    if code in TOO_MUCH:
        return _("Save it smaller and add it anew, or have the administrator raise the limit and try again.")
    if code in OTHER_KIND:
        return _("Save it as JPEG or PNG and add it anew.")
    if code in OTHER_PICTURE:
        return _("Choose a picture with one clear face, and reject this one.")
    return _("Try again. If it fails again, the worker's log says more.")
