"""The named errors of the library, and the messages for people that go with their codes.

Each error has a stable ``code`` and ``params``. Where MESSAGES has the code, the error's text is that message with
the params filled in. The library speaks English; a site that speaks more languages keeps code and params, and
translates the message when it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


def _(text: str) -> str:
    """Marks a text for translators, who work on the site; nothing is translated here."""
    return text


MESSAGES: Mapping[str, str] = {
    # The file as a whole
    "empty": _("The file is empty."),
    "unreadable": _("The file cannot be read: %(why)s."),
    "no_plain_file": _("The file cannot be read: it is not a plain file."),
    "too_many_bytes": _(
        "The file has %(megabytes)s MB; the limit is %(limit)s MB (FACESITE_UPLOAD_MAX_MB). Save it smaller."
    ),
    "over_the_bytes": _("The file has more than %(limit)s MB, which is the limit (FACESITE_UPLOAD_MAX_MB)."),
    # Its kind
    "no_photo": _(
        "This is not a photo Facesite can read. "
        "Use JPEG, PNG, WebP, HEIC, AVIF, JPEG XL, TIFF, camera raw, GIF or BMP."
    ),
    "looks_like": _(
        "This is not a photo Facesite can read: it looks like %(what)s. "
        "Use JPEG, PNG, WebP, HEIC, AVIF, JPEG XL, TIFF, camera raw, GIF or BMP."
    ),
    "lone_video": _(
        "This is a video. Videos are kept beside the photo that they were taken with: send that photo first, with "
        "the same name."
    ),
    "raw_unreadable": _(
        "This is a camera raw file of a kind that Facesite cannot read. Save it as JPEG or DNG first."
    ),
    "two_at_once": _("This file is a photo and %(what)s at once, and is refused for safety."),
    # Damage
    "header_cut_off": _("The file is damaged or incomplete: its header ends too early."),
    "cut_off": _(
        "The file is damaged or incomplete: the picture ends too early. Copy it again from the original."
    ),
    "undecodable": _(
        "The file is damaged: the picture in it cannot be decoded. Copy it again from the original."
    ),
    "false_start": _(
        "The file begins like a %(kind)s photo, but is damaged. Copy it again from the original."
    ),
    "broken_pages": _("The file is damaged: its list of pages is broken."),
    "too_many_properties": _("The file is damaged: it claims thousands of properties."),
    "no_pixels": _("The photo has no pixels."),
    # Limits
    "too_long_a_side": _(
        "The photo is %(width)s x %(height)s pixels; no side may be longer than %(limit)s pixels."
    ),
    "too_many_pixels": _(
        "The photo is %(width)s x %(height)s pixels, %(megapixels)s megapixels; the limit is %(limit)s "
        "(FACESITE_UPLOAD_MAX_MEGAPIXELS)."
    ),
    "far_too_many_pixels": _("The photo has more pixels than are allowed."),
    "too_much_memory": _("Reading this photo needs more memory than is allowed. Save it smaller."),
    "too_long": _(
        "Reading this photo took longer than %(seconds)s seconds and was stopped. Save it smaller."
    ),
    "too_much_metadata": _("The file carries more than %(limit)s MB beside the picture itself."),
    "too_many_frames": _("The file has more than %(limit)s frames or pages."),
    # The sandbox
    "decoder_failed": _("The file made the photo decoder fail. It is damaged or hostile, and is refused."),
    # ZIP archives
    "zip_damaged": _("The ZIP archive is damaged or incomplete. Pack it again."),
    "zip_too_large": _("The archive has more than %(limit)s MB. Split it."),
    "zip_too_many": _("The archive holds more than %(limit)s files. Split it."),
    "zip_list": _("The archive's list of files is too long. Split it."),
    "zip_unpacks": _("The archive unpacks to more than is allowed. Split it."),
    "member_outside": _("Its name points outside the archive, and it is refused for safety."),
    "member_no_file": _("It is a link or a device, not a file."),
    "member_locked": _("It is locked with a password. Pack it again without one."),
    "member_packing": _("It is packed in an uncommon way. Pack it again as a plain ZIP archive."),
    "member_bomb": _("It unpacks to far more than a photo would, and is refused for safety."),
    "system_folder": _("The system's own folder; what lies in it is left out."),
    "member_damaged": _("The file is damaged inside the archive. Pack it again."),
    # Files beside photos
    "no_sidecar": _("No names can be read in this file: it is damaged, too large, or of another program."),
    # References
    "no_face": _("No face was found in this image."),
    "several_faces": _("Two faces of about the same size: nobody can tell whose it is."),
}

# What the parameter `what` may be
FILE_DESCRIPTIONS = frozenset(
    {
        _("a camera raw file"),
        _("a ZIP archive"),
        _("an empty ZIP archive"),
        _("a PDF document"),
        _("a PostScript document"),
        _("a Photoshop document"),
        _("a RAR archive"),
        _("a 7-Zip archive"),
        _("a gzip archive"),
        _("a JPEG XL image"),
        _("a JPEG 2000 image"),
        _("an AVIF image"),
        _("an icon"),
        _("a video"),
        _("a program"),
        _("a sound file"),
        _("an SVG drawing"),
        _("a web page"),
        _("a PHP script"),
        _("an XML document"),
        _("text"),
    }
)


class RecognitionError(Exception):
    """Anything this library reports on purpose; its text is a sentence for people."""

    code: str = "recognition_failed"
    params: Mapping[str, str] = {}


class CodedError(RecognitionError):
    """An error that is told by its code: its text is the message of that code."""

    messages: ClassVar[Mapping[str, str]] = MESSAGES

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = {name: str(value) for name, value in params.items()}

    def __str__(self) -> str:
        return self.messages[self.code] % self.params


class ImageError(CodedError):
    """The bytes cannot be used as a photo: broken, too large, or of a kind that is not supported."""


class ImageTooLarge(ImageError):
    """The file breaks one of the limits (bytes, pixels, frames)."""


class WeightsMissing(RecognitionError):
    """Model weights, or the package that ships or runs them, are not there."""

    code = "weights_missing"


class WeightsCorrupt(RecognitionError):
    """A weights file is there but its SHA-256 or content is not what it should be."""

    code = "weights_corrupt"


class ModelCacheUnusable(RecognitionError):
    """The folder for converted models cannot be read or written: no permission, or the disk is full."""

    code = "model_cache_unusable"


class IndexUnusable(RecognitionError):
    """An index directory is missing, broken, or made for other vectors."""

    code = "index_unusable"


class IndexAway(IndexUnusable):
    """The server that keeps the index does not answer; what needs it waits."""

    code = "index_away"


class EmbedderMismatch(RecognitionError):
    """Vectors of one embedder met an index, or bounds, of another."""

    code = "embedder_mismatch"
