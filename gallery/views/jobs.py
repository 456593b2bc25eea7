"""The jobs page: the queue, the workers, what failed, and what can be done."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gallery.access import curator_required, current_user
from gallery.browse.jobs import jobs
from gallery.services import jobs as acts


@curator_required
@require_safe
def jobs_page(request: HttpRequest) -> HttpResponse:
    return render(request, "gallery/jobs.html", {"jobs": jobs(current_user(request))})


@curator_required
@require_POST
def jobs_act(request: HttpRequest) -> HttpResponse:
    user, act = current_user(request), request.POST.get("act")
    if act in ("pause", "resume"):
        acts.set_paused(user, act == "pause")
        text = _("Photos wait until you go on.") if act == "pause" else _("Photos are processed again.")
        messages.success(request, text)
    elif act == "retry":
        count = acts.retry_failed(user)
        messages.success(
            request, ngettext("%(n)s is tried again.", "%(n)s are tried again.", count) % {"n": count}
        )
    elif act == "cancel":
        count = acts.cancel_waiting(user)
        text = ngettext("%(n)s photo was set aside.", "%(n)s photos were set aside.", count)
        messages.success(request, text % {"n": count})
    return redirect("jobs")
