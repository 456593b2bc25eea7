"""Addresses of gallery health."""

from django.urls import URLPattern, path

from gallery.views import worklists

urlpatterns: list[URLPattern] = [
    path("health/", worklists.gallery_health, name="gallery_health"),
    path("health/check", worklists.gallery_check, name="gallery_check"),
    path("health/<slug:kind>/", worklists.worklist, name="worklist"),
    path("health/<slug:kind>/decided", worklists.worklist_decided, name="worklist_decided"),
    path("health/<slug:kind>/<int:pk>/", worklists.worklist_card, name="worklist_card"),
    path("health/<slug:kind>/<int:pk>/act", worklists.worklist_act, name="worklist_act"),
]
