"""Backups and the check of files, for administrators."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gallery.backup.jobs import request_backup
from gallery.core.permissions import administrator_required, current_user
from gallery.maintenance.jobs import request_file_check
from gallery.maintenance.selectors import get_backups_page as page


@administrator_required
@require_safe
def backup_overview(request: HttpRequest) -> HttpResponse:
    return render(request, "backups/backups.html", {"page": page()})


@administrator_required
@require_POST
def backup_action(request: HttpRequest) -> HttpResponse:
    """`act` is what a button says."""
    user, act = current_user(request), request.POST.get("act")
    if act == "backup":
        request_backup(user)
        messages.success(request, _("A backup is made as soon as a worker is free."))
    elif act in ("check", "mend"):
        request_file_check(user, is_mending=act == "mend")
        messages.success(request, _("The files are looked at as soon as a worker is free."))
    return redirect("backups")
