"""Addresses of logging in, passwords, one's own account, and invitations."""

from django.contrib.auth import views as auth
from django.urls import URLPattern, path

urlpatterns: list[URLPattern] = [
    path("login", auth.LoginView.as_view(template_name="accounts/login.html"), name="login"),
    path("logout", auth.LogoutView.as_view(), name="logout"),
]
