"""All addresses: the site's pages, the admin, and logging in."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from gallery.api.urls import compreface_urls
from gallery.api.urls import urls as api_urls

admin.autodiscover()
urlpatterns = [
    path("admin/", admin.site.urls),
    path("language", login_not_required(set_language), name="set_language"),
    path("api/v1/", api_urls),
    path("compreface/api/v1/recognition/", compreface_urls),
    path("", include("gallery.web.urls")),
]

handler400 = "gallery.web.error_pages.bad_request"
handler403 = "gallery.web.error_pages.permission_denied"
handler404 = "gallery.web.error_pages.page_not_found"
handler500 = "gallery.web.error_pages.server_error"
