"""Bulk acts in the admin: previewed, started, followed, stopped, resumed, undone on one page each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from gallery.admin.base import ReadOnlyAdmin
from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import parse_id
from gallery.core.permissions import current_user
from gallery.curation.bulk.plan import create_bulk_draft, get_part_sizes
from gallery.curation.bulk.preview import list_choosable_albums, preview_bulk_act
from gallery.curation.bulk.services import (
    check_rows_unchanged,
    get_act_event,
    resume_bulk_act,
    start_bulk_act,
    stop_bulk_act,
)
from gallery.history.descriptions import add_event_message, describe_event
from gallery.history.selectors import visible_events
from gallery.history.undo import can_undo
from gallery.models import BulkAct, Person
from gallery.people.member_lists import group_rows_by_kind, resolve_unclear_rows

MAX_SUGGESTED_PEOPLE = 1_000


def redirect_to_bulk_preview(request: HttpRequest, kind: str, ids: Iterable[int]) -> HttpResponse | None:
    """What an admin action does: the page that shows what it would change."""
    wanted = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    back = wanted if is_ours else request.get_full_path()
    try:
        act = create_bulk_draft(current_user(request), kind, ids, back)
    except ActionRefused as refusal:
        messages.error(request, str(refusal))
        return None
    return redirect("admin:gallery_bulkact_change", act.pk)


def describe_skipped_rows(act: BulkAct) -> str:
    """What is said of rows that somebody else has changed."""
    return ngettext(
        "%(count)s was changed by somebody since you looked, and was left as it is now.",
        "%(count)s were changed by somebody since you looked, and were left as they are now.",
        act.left,
    ) % {"count": act.left}


def add_bulk_messages(request: HttpRequest, act: BulkAct) -> None:
    """What was done, with a button that undoes all of it."""
    event = get_act_event(act)
    if event is None:
        return
    event.refresh_from_db()  # its count has grown with the parts
    if not act.changed and act.kind != BulkAct.Kind.UNDO:
        messages.info(request, _("Nothing had to be changed."))
    else:
        add_event_message(request, event)
    if act.left:
        messages.warning(request, describe_skipped_rows(act))
    for refusal in act.refused[:5]:
        messages.warning(request, refusal)


@admin.register(BulkAct)
class BulkActAdmin(ReadOnlyAdmin):
    list_display = ("what", "by", "total", "done", "changed", "work", "made_at")
    list_filter = ("kind", "work")
    list_select_related = ("by", "event")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkAct]:
        """The user's own, and those whose events they may see: an act's sentence names albums."""
        user = current_user(request)
        rows = super().get_queryset(request)
        if not user.is_administrator:
            rows = rows.filter(Q(by=user) | Q(event__in=visible_events(user).values("pk")))
        is_list = request.resolver_match and request.resolver_match.url_name == "gallery_bulkact_changelist"
        return rows.filter(confirmed_at__isnull=False).defer("ids", "rows", "seen") if is_list else rows

    @admin.display(description=_("action"), ordering="kind")
    def what(self, act: BulkAct) -> str:
        if act.event is None:
            return str(act)
        is_undo = act.kind == BulkAct.Kind.UNDO
        return (
            _("Undo: %(what)s") % {"what": describe_event(act.event)}
            if is_undo
            else describe_event(act.event)
        )

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/act", wrap(self.act), name="gallery_bulkact_act"),
            path("<int:pk>/state", wrap(self.state), name="gallery_bulkact_state"),
        ]
        return own + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        act = get_object_or_404(
            self.get_queryset(request).select_related("event", "by"), pk=parse_id(object_id)
        )
        return self._page(request, act)

    def _page(self, request: HttpRequest, act: BulkAct) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": act.get_kind_display(),
            "opts": self.opts,
            **self._about(request, act),
        }
        if act.is_draft and act.kind == BulkAct.Kind.IMPORT:
            context["roster"] = group_rows_by_kind(act)
        elif act.is_draft:
            context["preview"] = preview_bulk_act(current_user(request), act)
        if act.is_draft and act.kind == BulkAct.Kind.MOVE:
            names = Person.objects.order_by("search").values_list("name", flat=True)
            context["people"] = names[:MAX_SUGGESTED_PEOPLE]
        if act.is_draft and act.kind == BulkAct.Kind.ALBUM:
            context["albums"] = list_choosable_albums(current_user(request))
        return TemplateResponse(
            request, f"admin/gallery/bulkact/{'draft' if act.is_draft else 'page'}.html", context
        )

    def _about(self, request: HttpRequest, act: BulkAct) -> dict[str, Any]:
        event = get_act_event(act)
        is_settled = event is not None and not act.is_running and act.changed > 0
        return {
            "act": act,
            "event": event,
            "says": describe_event(event) if event else "",
            "is_long": act.total > get_part_sizes(act.kind)[1],
            "left_alone": describe_skipped_rows(act) if act.left else "",
            "percent": 100 * act.done // max(act.total, 1),
            "may_undo": event is not None and is_settled and can_undo(current_user(request), event),
            "back": act.back or reverse("admin:index"),
        }

    def state(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far it has got: what the page asks for while it runs."""
        act = get_object_or_404(self.get_queryset(request).select_related("event", "by"), pk=pk)
        return TemplateResponse(request, "admin/gallery/bulkact/_state.html", self._about(request, act))

    @method_decorator(require_POST)
    def act(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        act = get_object_or_404(self.get_queryset(request).select_related("event", "by"), pk=pk)
        try:
            return self._do(request, act, request.POST.get("do", ""))
        except ActionRefused as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:gallery_bulkact_change", act.pk)

    def _do(self, request: HttpRequest, act: BulkAct, word: str) -> HttpResponseBase:
        back = act.back or reverse("admin:index")
        if word == "drop":
            BulkAct.objects.filter(pk=act.pk, confirmed_at__isnull=True).delete()
            return redirect(back)
        if word == "start":
            if act.kind == BulkAct.Kind.IMPORT:
                resolve_unclear_rows(act, request.POST)
            check_rows_unchanged(act)
            target = parse_id(request.POST.get("target"))
            act = start_bulk_act(current_user(request), act, name=request.POST.get("name", ""), target=target)
        elif word == "stop":
            stop_bulk_act(act)
        elif word == "resume":
            resume_bulk_act(act)
        if word == "start" and not act.is_running:
            add_bulk_messages(request, act)
            return redirect(back)
        return redirect("admin:gallery_bulkact_change", act.pk)
