"""Bounds: put into force, or back to the published ones. Nothing else changes them."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import queue
from gallery.models import Calibration, Event, SiteSetting, User
from gallery.services import followup
from gallery.services.errors import Refused
from gallery.services.history import record
from gallery.services.ledger import Ledger

ASKED = "measuring"  # a SiteSetting: when a measurement was asked for


@transaction.atomic
def ask(false_name_rate: float) -> None:
    """Have the gallery measured by the worker; the page tells that it was asked for until there is a result."""
    asked = {"at": timezone.now().isoformat(), "rate": false_name_rate}
    SiteSetting.objects.update_or_create(key=ASKED, defaults={"value": asked})
    queue.send("measure_gallery", false_name_rate)


@transaction.atomic
def apply(user: User | None, calibration: Calibration) -> Event:
    """From now on this calibration's bounds decide for its embedder; faces nobody has decided on follow."""
    if not calibration.report.get("suggestion", {}).get("is_founded"):
        raise Refused(_("There were too few references to calibrate on; the published bounds stay."))
    ledger = Ledger()
    ledger.set(calibration, applied_at=timezone.now(), applied_by=user)
    return _recorded(user, "calibration.apply", calibration, ledger)


@transaction.atomic
def withdraw(user: User | None, calibration: Calibration) -> Event:
    """Back to the published bounds of this calibration's embedder."""
    ledger = Ledger()
    applied = Calibration.objects.filter(embedder_id=calibration.embedder_id, applied_at__isnull=False)
    ledger.update(applied, applied_at=None, applied_by=None)
    return _recorded(user, "calibration.withdraw", calibration, ledger)


def _recorded(user: User | None, verb: str, calibration: Calibration, ledger: Ledger) -> Event:
    followup.after(ledger)
    known = calibration.bounds["known"]
    return record(user, verb, calibration, {"known": known, "embedder": calibration.embedder_id}, ledger)
