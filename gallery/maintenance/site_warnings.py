"""What is wrong with the site itself, for Home of those who can mend it: one function each, one line each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.backup.schedule import get_backup_warning
from gallery.jobs.selectors import find_process_problems, is_processing_paused, list_processes
from gallery.jobs.timings import estimate_minutes_left
from gallery.maintenance.site_look import CERTIFICATE_NOTICE, LOOK_SETTING
from gallery.models import Photo, Status, User
from gallery.models.clock import get_site_time
from gallery.models.history import get_site_setting

STARTED_AT = timezone.now()  # of this process, by its own clock
STARTING_TIME = timedelta(minutes=1)  # within which a worker may not have said yet that it lives
LONG_QUEUE_MINUTES = 60
STUCK_AFTER = timedelta(minutes=10)
LOW_DISK_BYTES, LOW_DISK_SHARE = 1_000_000_000, 0.05  # whichever is less


@dataclass(frozen=True, slots=True)
class SiteWarning:
    text: str
    remedy: str = ""
    page: str = ""  # name of the address of the page about it


def list_site_warnings(user: User) -> list[SiteWarning]:
    """Nothing for who cannot mend it."""
    if not user.is_administrator:
        return []
    return [warning for check in SITE_CHECKS for warning in check()]


def check_backups() -> Iterator[SiteWarning]:
    if warning := get_backup_warning():
        yield SiteWarning(warning, page="backups")


def check_processes() -> Iterator[SiteWarning]:
    processes = list_processes()
    if processes or timezone.now() - STARTED_AT > STARTING_TIME:
        for problem in find_process_problems(processes):
            yield SiteWarning(problem.text, problem.remedy, "jobs")


def check_queue() -> Iterator[SiteWarning]:
    waiting = Photo.objects.outside_trash().filter(work=Status.QUEUED)
    count = waiting.count()
    workers = sum(one.is_alive for one in list_processes() if one.beat.kind == "worker")
    if not count or not workers or is_processing_paused():
        return
    if _is_queue_stuck():
        yield SiteWarning(
            _("Photos wait, and no worker takes them up."),
            _(
                "See whether the broker (Redis) answers and its disk has room; then start worker and scheduler again."
            ),
            "jobs",
        )
        return
    minutes = estimate_minutes_left(count, workers)
    if minutes is None or minutes < LONG_QUEUE_MINUTES:
        return
    now = get_site_time()
    said = {
        "count": count,
        "workers": workers,
        "rate": max(1, round(count / minutes)),
        "time": timesince(now, now + timedelta(minutes=minutes)),
    }
    yield SiteWarning(
        ngettext(
            "%(count)s photos wait. %(workers)s worker does %(rate)s a minute, and needs about %(time)s for them.",
            "%(count)s photos wait. %(workers)s workers do %(rate)s a minute, and need about %(time)s for them.",
            workers,
        )
        % said,
        _(
            "If that is too long and the machine has processors and memory left, raise FACESITE_WORKER_PROCESSES."
        ),
        "jobs",
    )


def _is_queue_stuck() -> bool:
    """Whether a photo has waited for long while none was looked at."""
    limit, photos = get_site_time() - STUCK_AFTER, Photo.objects.outside_trash()
    if not photos.filter(work=Status.QUEUED, queued_at__lt=limit).exists():
        return False
    is_moving = (
        photos.filter(work=Status.PROCESSING).exists() or photos.filter(finished_at__gte=limit).exists()
    )
    return not is_moving


def check_disk() -> Iterator[SiteWarning]:
    try:
        usage = shutil.disk_usage(settings.DATA_DIR)
    except OSError:  # said by whatever needs the disk
        return
    if usage.free < min(LOW_DISK_BYTES, LOW_DISK_SHARE * usage.total):
        said = {"free": filesizeformat(usage.free), "folder": settings.DATA_DIR}
        yield SiteWarning(
            _("The disk of %(folder)s is nearly full: %(free)s are free.") % said,
            _("Make room there, or erase what is in the trash for good; backups may go to another disk."),
        )


def check_fonts() -> Iterator[SiteWarning]:
    if scripts := get_site_setting(LOOK_SETTING, {}).get("scripts"):
        text = _(
            "No font here can write some names (%(scripts)s): on photos to take away, numbers stand for them."
        )
        yield SiteWarning(
            text % {"scripts": ", ".join(scripts)},
            _(
                "Install Noto Sans on the server (on Debian fonts-noto-core and fonts-noto-cjk), and start again."
            ),
        )


def check_certificates() -> Iterator[SiteWarning]:
    now = get_site_time()
    for host, end in get_site_setting(LOOK_SETTING, {}).get("certificates", {}).items():
        ends_at = datetime.fromisoformat(end) if end else now
        if ends_at > now + CERTIFICATE_NOTICE:
            continue
        said = {"host": host, "date": date_format(timezone.localtime(ends_at), "DATE_FORMAT")}
        text = _("The certificate of %(host)s is valid only until %(date)s.")
        if ends_at <= now:
            text = _("The certificate of %(host)s has expired: browsers warn everybody off.")
        yield SiteWarning(text % said, _("Renew it, and have the proxy read it again."))


SITE_CHECKS: tuple[Callable[[], Iterator[SiteWarning]], ...] = (
    check_certificates,
    check_disk,
    check_processes,
    check_queue,
    check_backups,
    check_fonts,
)
