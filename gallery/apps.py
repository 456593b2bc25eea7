"""Registers the app and its admin site."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core.checks import CheckMessage, Tags, register
from django.utils.translation import gettext_lazy as _


class GalleryConfig(AppConfig):
    name = "gallery"
    verbose_name = _("Gallery")

    def ready(self) -> None:
        from gallery.core import checks  # noqa: F401 -- importing it registers the checks
        from gallery.history.audit import connect_auth_signals

        connect_auth_signals()


class GalleryAdminConfig(SimpleAdminConfig):
    """The admin's pages are found where they are wanted: by the addresses and by Django's checks of them.
    The worker and the commands do without."""

    default_site = "gallery.web.admin_site.GallerySite"

    def ready(self) -> None:
        register(check_dependencies, Tags.admin)
        register(_check_admin, Tags.admin)


def _check_admin(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    admin.autodiscover()
    return check_admin_app(app_configs, **options)
