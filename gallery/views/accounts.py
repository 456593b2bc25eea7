"""One's own account: details, sessions, joining by an invitation, asking for a new password."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from gallery import audit
from gallery.access import current_user
from gallery.account_forms import AccountForm, JoinForm
from gallery.services import accounts
from gallery.services.errors import Refused

BACKEND = "gallery.access.RoleBackend"
EMAIL_IS_OFF = "django.core.mail.backends.dummy.EmailBackend"


class LoginView(auth.LoginView):
    template_name = "accounts/login.html"
    redirect_authenticated_user = True


class LogoutView(auth.LogoutView):
    """Leaves nothing behind: the browser is told to forget the pictures it has kept."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().post(request, *args, **kwargs)
        response["Clear-Site-Data"] = '"cache"'
        return response


class PasswordResetView(auth.PasswordResetView):
    template_name = "accounts/password_reset_form.html"
    email_template_name = "accounts/password_reset_email.txt"
    subject_template_name = "accounts/password_reset_subject.txt"
    extra_context = {"is_email_off": settings.EMAIL_BACKEND == EMAIL_IS_OFF}

    def form_valid(self, form: Any) -> HttpResponse:
        if audit.is_asking_too_often(self.request):
            form.add_error(None, _("Too many e-mails were asked for from here. Try again in an hour."))
            return render(self.request, self.template_name, self.get_context_data(form=form), status=429)
        audit.password_reset_asked(self.request)
        return super().form_valid(form)


@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    form = AccountForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("account")
    return render(request, "accounts/account.html", {"form": form})


@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    count = accounts.sign_out_everywhere(current_user(request), keep=request.session.session_key)
    said = ngettext("%(count)s other session was ended.", "%(count)s other sessions were ended.", count)
    messages.success(request, said % {"count": count})
    return redirect("account")


@login_not_required
@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Join by an invitation. A wrong, used or expired one looks like no page at all."""
    found = accounts.find_invitation(token)
    if found is None:
        raise Http404
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = accounts.accept(token, form.cleaned_data["username"], form.cleaned_data["password1"])
        except Refused as error:
            form.add_error(None, str(error))
        else:
            login(request, user, backend=BACKEND)
            return redirect("home")
    return render(request, "accounts/invitation.html", {"form": form, "invitation": found})
