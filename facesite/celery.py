"""The Celery application: configuration only. Tasks live in the rooms' tasks.py, which gallery.tasks imports."""

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, worker_ready
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

from facesite import broker, disks
from facesite.processes import end_with_scheduler, end_with_waiting_process, keep_running

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facesite.settings")
# Celery would run Django's checks of the code in every worker, throw away what they say, and keep all pages loaded.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

try:  # Django reads the settings when first asked; a wrong one is better said now, in a sentence
    settings.INSTALLED_APPS  # noqa: B018
except ImproperlyConfigured as error:
    sys.exit(str(error))

broker.install()
app = Celery("facesite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a broker may be away for as long as it likes
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    task_default_queue="facesite",
    task_queues=[Queue(name, Exchange(name), name) for name in (settings.SCHEDULE_QUEUE, "facesite")],
)
app.autodiscover_tasks()


@celeryd_init.connect
def check_data_folders(**about: Any) -> None:
    disks.check_data_folders()


@worker_ready.connect
def watch_processes(sender: Any, **about: Any) -> None:
    if settings.CELERY_BROKER_URL == "filesystem://":  # with others each process has a queue of its own
        end_with_waiting_process(sender.pool._pool)
    if getattr(sender.controller, "beat", None):
        end_with_scheduler(sender.controller)


@worker_ready.connect
def start_lookups(**about: Any) -> None:
    """Beside the queue of photos, a process that looks at pictures which are not kept."""
    if settings.IDENTIFY:
        keep_running([sys.executable, str(settings.BASE_DIR / "manage.py"), "answer_lookups"])
