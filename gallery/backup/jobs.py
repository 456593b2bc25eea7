"""What a job of this room says of its result. Loaded at every start, so it stays light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def describe_verification_problem(result: Mapping[str, Any]) -> str:
    """What the last verification found amiss; empty if nothing."""
    counts = {kind: (result.get(kind) or {}).get("count", 0) for kind in ("missing", "damaged", "unmatched")}
    if lost := counts["missing"] + counts["damaged"]:
        text = ngettext(
            "%(count)s file of the backup %(name)s is damaged or missing.",
            "%(count)s files of the backup %(name)s are damaged or missing.",
            lost,
        )
        return text % {"count": lost, "name": result["backup"]}
    if counts["unmatched"]:
        text = _("The database of the backup %(name)s does not agree with its files.")
        return text % {"name": result["backup"]}
    return ""
