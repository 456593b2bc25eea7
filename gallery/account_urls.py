"""Addresses of logging in, passwords, one's own account, and invitations."""

from django.contrib.auth import views as auth
from django.urls import URLPattern, path

from gallery.views import accounts

urlpatterns: list[URLPattern] = [
    path("login", accounts.LoginView.as_view(), name="login"),
    path("logout", accounts.LogoutView.as_view(), name="logout"),
    path("", accounts.account, name="account"),
    path("sessions/end", accounts.sign_out_everywhere, name="sign_out_everywhere"),
    path("invitation/<str:token>", accounts.invitation, name="invitation"),
    path(
        "password",
        auth.PasswordChangeView.as_view(template_name="accounts/password_change_form.html"),
        name="password_change",
    ),
    path(
        "password/done",
        auth.PasswordChangeDoneView.as_view(template_name="accounts/password_change_done.html"),
        name="password_change_done",
    ),
    path("reset", accounts.PasswordResetView.as_view(), name="password_reset"),
    path(
        "reset/sent",
        auth.PasswordResetDoneView.as_view(template_name="accounts/password_reset_done.html"),
        name="password_reset_done",
    ),
    path(
        "reset/<uidb64>/<token>",
        auth.PasswordResetConfirmView.as_view(template_name="accounts/password_reset_confirm.html"),
        name="password_reset_confirm",
    ),
    path(
        "reset/done",
        auth.PasswordResetCompleteView.as_view(template_name="accounts/password_reset_complete.html"),
        name="password_reset_complete",
    ),
]
