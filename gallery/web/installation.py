"""What lets a browser install the site like an app: its manifest, its service worker, and what that shows offline."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from gallery.core.permissions import PageRequest, contributor_required

ICONS = (("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any maskable"))


@login_not_required  # a browser asks for it without its cookies
@require_safe
def web_manifest(request: HttpRequest) -> HttpResponse:
    manifest = {
        "name": "Facesite",
        "id": reverse("home"),
        "start_url": reverse("home"),
        "scope": reverse("home"),
        "display": "standalone",
        "background_color": "#fbfbfc",
        "theme_color": "#fbfbfc",
        "icons": [
            {"src": static(f"icons/{name}"), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in ICONS
        ],
        "share_target": {
            "action": reverse("upload_shared"),
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {"files": [{"name": "photos", "accept": ["image/*", ".heic", ".zip"]}]},
        },
    }
    return JsonResponse(manifest, content_type="application/manifest+json")


@login_not_required
@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """From the site's own path, which is what it may look after."""
    context = {"static_path": settings.STATIC_URL}
    return render(request, "service_worker.js", context, content_type="text/javascript")


@login_not_required
@require_safe
def offline_page(request: HttpRequest) -> HttpResponse:
    """Kept by the service worker: the page of nobody, whoever is signed in."""
    return render(request, "offline.html")


@csrf_exempt  # it does nothing
@contributor_required
def upload_shared(request: PageRequest) -> HttpResponse:
    """Where the system's share sheet sends photos: the service worker takes them, or else they are chosen anew."""
    return redirect("upload")
