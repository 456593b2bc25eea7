"""Light or dark: kept in a cookie, so that the first byte of a page already knows."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from gallery.templatetags.shell import THEMES

A_YEAR = 365 * 24 * 3600


def back(request: HttpRequest) -> str:
    """The address in `next`, if it is one of this site; else home."""
    asked = request.POST.get("next", "")
    return asked if is_ours(request, asked) else reverse("home")


def is_ours(request: HttpRequest, address: str) -> bool:
    """Whether an address that a request carries leads to this site."""
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())


@login_not_required
@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    response = HttpResponseRedirect(back(request))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            "theme", chosen, max_age=A_YEAR, samesite="Lax", httponly=True, secure=request.is_secure()
        )
    else:
        response.delete_cookie("theme")
    return response
