"""The site's addresses."""

from django.urls import URLPattern, path

from gallery import views

urlpatterns: list[URLPattern] = [
    path("healthz", views.healthz, name="healthz"),
]
