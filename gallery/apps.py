"""Registers the app and its admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class GalleryConfig(AppConfig):
    name = "gallery"
    verbose_name = _("Gallery")

    def ready(self) -> None:
        from gallery import (
            audit,
            checks,  # noqa: F401 -- importing it registers the checks
        )
        from gallery.services import bulk, drafts, jobs  # noqa: F401 -- importing them registers how acts are undone
        from gallery.services.faces import references  # noqa: F401 -- the same

        audit.connect()


class GalleryAdminConfig(AdminConfig):
    default_site = "gallery.adminsite.GallerySite"
