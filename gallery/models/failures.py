"""Why work failed: messages by their codes, which rows keep, in the language of whoever reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from recognition.errors import FILE_DESCRIPTIONS, MESSAGES

FAILURE_MESSAGES: Mapping[str, str] = {
    **MESSAGES,
    "worker_stopped": _(
        "Working on this stopped the worker twice, so it was set aside. You can try it again."
    ),
    "not_finished": _("The computer could not finish this: %(error)s. You can try it again."),
    "photo_file_gone": _("The photo's file is gone from the disk. Upload it again."),
    "file_lost": _(
        "The file is gone from the disk and no backup holds it. If you still have the photo, add it again."
    ),
    "draft_file_gone": _("The picture is gone from the disk. Send it once more."),
    "reference_file_gone": _("The reference's picture is gone from the disk."),
    "builder_ended": _("The process that built it ended; a later build has taken its place."),
    "build_superseded": _("Build %(pk)s, started later, holds the same."),
    "index_not_written": _("The index could not be written: %(error)s."),
    "export_not_written": _("The file could not be written: the disk may be full."),
    "not_removed_yet": _("Something could not be removed yet: %(error)s. It is tried again."),
}
NO_FAILURE: Mapping[str, Any] = {"failure": "", "failure_code": "", "failure_params": {}}


def build_failure_columns(error: BaseException) -> dict[str, Any]:
    """What a row keeps of an error: its code and params, or its text where no message has the code."""
    code = getattr(error, "code", "")
    if code in FAILURE_MESSAGES:
        return {"failure": "", "failure_code": code, "failure_params": dict(getattr(error, "params", {}))}
    return {**NO_FAILURE, "failure": str(error) or type(error).__name__}


def translate_failure(code: str, params: Mapping[str, str], text: str) -> str:
    """The message of the code in the active language; without a code, the text as it was kept."""
    if code not in FAILURE_MESSAGES:
        return gettext(text) if text else ""
    places = {name: gettext(part) if part in FILE_DESCRIPTIONS else part for name, part in params.items()}
    return gettext(FAILURE_MESSAGES[code]) % defaultdict(lambda: "…", places)
