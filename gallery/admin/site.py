"""The site object of Django's admin, open to curators and administrators."""

from functools import cache
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _

from gallery.models import User


class GallerySite(AdminSite):
    site_header = _("Facesite: curating")
    site_title = _("Facesite")
    index_title = _("Gallery")

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.is_curator

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one way in: the site's own. Who is in already and comes here may not curate."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get(REDIRECT_FIELD_NAME, request.get_full_path()))


@cache
def get_site() -> GallerySite:
    """One site, although Django asks twice: importing this package registers its models, for which it asks again."""
    return GallerySite()
