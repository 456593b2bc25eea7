"""One's own account: details, sessions, API keys, joining by an invitation, a new password, light or dark."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import UserCreationForm
from django.forms import modelform_factory
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from gallery.accounts.api_keys import MAX_KEY_DAYS, create_api_key, list_api_keys, revoke_api_keys
from gallery.accounts.services import accept_invitation, find_open_invitation, sign_out_everywhere
from gallery.core.permissions import PageRequest
from gallery.history.audit import is_reset_throttled, record_reset_request
from gallery.models import ApiScope, User
from gallery.templatetags.site import THEMES
from gallery.web.responses import get_next_url, refusals_as_errors

LOGIN_BACKEND = "gallery.core.permissions.RoleBackend"
AccountForm = modelform_factory(User, fields=("first_name", "last_name", "email"))
JoinForm = modelform_factory(User, form=UserCreationForm, fields=("username",))
DUMMY_EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"


class LoginView(auth.LoginView):
    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def get_success_url(self) -> str:
        """Home where an address leads here again, since who is signed in is sent on from here."""
        url = super().get_success_url()
        return self.get_default_redirect_url() if url.partition("?")[0] == self.request.path else url


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
    extra_context = {"is_email_off": settings.EMAIL_BACKEND == DUMMY_EMAIL_BACKEND}

    def form_valid(self, form: Any) -> HttpResponse:
        if is_reset_throttled(self.request):
            form.add_error(None, _("Too many e-mails were asked for from here. Try again in an hour."))
            return render(self.request, self.template_name, self.get_context_data(form=form), status=429)
        record_reset_request(self.request)
        return super().form_valid(form)


class ApiKeyForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("What it is for"), max_length=100)
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may be used to"),
        choices=ApiScope.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[ApiScope.READ.value],
    )
    days = forms.IntegerField(
        label=gettext_lazy("Valid for so many days"),
        help_text=gettext_lazy("Empty: until it is revoked."),
        min_value=1,
        max_value=MAX_KEY_DAYS,
        required=False,
        initial=365,
    )


@require_http_methods(["GET", "POST"])
def account_settings(request: PageRequest) -> HttpResponse:
    form = AccountForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("account")
    return _render_account(request, form=form)


def _render_account(request: PageRequest, **context: object) -> HttpResponse:
    keys = list_api_keys(request.user)
    empty = {"form": AccountForm(instance=request.user), "key_form": ApiKeyForm(auto_id="key_%s")}
    return render(request, "accounts/account.html", {**empty, "keys": keys, **context})


@never_cache
@require_POST
def api_key_create(request: PageRequest) -> HttpResponse:
    """The account page with the new key, which is shown only there and then."""
    form = ApiKeyForm(request.POST, auto_id="key_%s")
    if form.is_valid():
        given = form.cleaned_data
        _key, secret = create_api_key(
            request.user, request.user, given["scopes"], name=given["name"], days=given["days"]
        )
        return _render_account(request, secret=secret)
    return _render_account(request, key_form=form)


@require_POST
def api_key_revoke(request: PageRequest, pk: int) -> HttpResponse:
    """One's own; an administrator anybody's."""
    if revoke_api_keys(request.user, list_api_keys(request.user).filter(pk=pk)):
        messages.success(request, _("The key opens nothing any more."))
    return redirect("account")


@require_POST
def end_other_sessions(request: PageRequest) -> HttpResponse:
    count = sign_out_everywhere(request.user, keep=request.session.session_key)
    said = ngettext("%(count)s other session was ended.", "%(count)s other sessions were ended.", count)
    messages.success(request, said % {"count": count})
    return redirect("account")


@login_not_required
@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "POST"])
def join_by_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Join by an invitation. A wrong, used or expired one looks like no page at all."""
    found = find_open_invitation(token)
    if found is None:
        raise Http404
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_as_errors(form):
            user = accept_invitation(token, form.cleaned_data["username"], form.cleaned_data["password1"])
            login(request, user, backend=LOGIN_BACKEND)
            return redirect("home")
    return render(request, "accounts/invitation.html", {"form": form, "invitation": found})


THEME_COOKIE_AGE = 365 * 24 * 3600


@login_not_required
@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    response = HttpResponseRedirect(get_next_url(request))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            "theme",
            chosen,
            max_age=THEME_COOKIE_AGE,
            path=settings.SESSION_COOKIE_PATH,
            samesite="Lax",
            httponly=True,
            secure=request.is_secure(),
        )
    else:
        response.delete_cookie("theme", settings.SESSION_COOKIE_PATH)
    return response
