"""Django's admin, open to curators and administrators."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gallery.models import User


class GallerySite(AdminSite):
    site_header = _("Facesite: curating")
    site_title = _("Facesite")
    index_title = _("Gallery")

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.is_curator
