"""Bulk acts in the admin: previewed, started, followed, stopped, resumed, undone on one page each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from gallery.admin.base import ReadOnlyAdmin
from gallery.core.exceptions import ActionRefused
from gallery.core.pagination import parse_id
from gallery.core.permissions import current_user
from gallery.curation.bulk import (
    check_rows_unchanged,
    create_bulk_draft,
    get_act_event,
    get_part_sizes,
    resume_bulk_act,
    start_bulk_act,
    stop_bulk_act,
)
from gallery.curation.bulk_preview import list_choosable_albums, preview_bulk_act
from gallery.history.descriptions import add_event_message, describe_event
from gallery.history.selectors import visible_events
from gallery.history.undo import can_undo
from gallery.models import BulkAct
from gallery.people.list_files import OLD_ENCODINGS
from gallery.people.member_lists import (
    group_rows_by_kind,
    list_telling_names,
    reread_people_file,
    resolve_unclear_rows,
)
from gallery.people.selectors import list_person_labels

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

MAX_SUGGESTED_PEOPLE = 1_000


def make_bulk_action(name: str, kind: BulkAct.Kind, description: StrPromise) -> Callable[..., Any]:
    """An action of a list of the admin: it leads to the page that shows what the bulk act would change."""

    @admin.action(description=description)
    def preview_act(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        wanted = request.POST.get("back", "")
        is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
        back = wanted if is_ours else request.get_full_path()
        ids = queryset.order_by().values_list("pk", flat=True).iterator(chunk_size=5_000)
        try:
            act = create_bulk_draft(current_user(request), kind, ids, back)
        except ActionRefused as refusal:
            messages.error(request, str(refusal))
            return None
        return redirect("admin:gallery_bulkact_change", act.pk)

    preview_act.__name__ = name  # the value of the list's field "action"
    return preview_act


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
    list_display = ("act_description", "by", "total", "done", "changed", "work", "made_at")
    list_filter = ("kind", "work")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkAct]:
        """The user's own, and those whose events they may see: an act's sentence names albums."""
        user = current_user(request)
        rows = super().get_queryset(request).select_related("by", "event")
        if not user.is_administrator:
            rows = rows.filter(Q(by=user) | Q(event__in=visible_events(user).values("pk")))
        is_list = request.resolver_match and request.resolver_match.url_name == "gallery_bulkact_changelist"
        return (
            rows.filter(confirmed_at__isnull=False).defer("ids", "rows", "seen", "file") if is_list else rows
        )

    @admin.display(description=gettext_lazy("action"), ordering="kind")
    def act_description(self, act: BulkAct) -> str:
        if act.event is None:
            return str(act)
        what = describe_event(act.event)
        return _("Undo: %(what)s") % {"what": what} if act.kind == BulkAct.Kind.UNDO else what

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/act", wrap(self.act_view), name="gallery_bulkact_act"),
            path("<int:pk>/state", wrap(self.state_view), name="gallery_bulkact_state"),
        ]
        return own + super().get_urls()

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **named: Any) -> TemplateResponse:
        user, act = current_user(request), self._get_act(request, parse_id(object_id))
        context = {
            **self.admin_site.each_context(request),
            "title": act.get_kind_display(),
            "opts": self.opts,
            **self._build_context(request, act),
        }
        if not act.is_draft:
            return TemplateResponse(request, "admin/gallery/bulkact/page.html", context)
        if act.kind == BulkAct.Kind.IMPORT:
            context["roster"] = group_rows_by_kind(act)
            context |= {"encodings": OLD_ENCODINGS, "telling_names": list_telling_names(act)}
        else:
            context["preview"] = preview_bulk_act(user, act)
        if act.kind == BulkAct.Kind.MOVE:
            context["people"] = list_person_labels(user, MAX_SUGGESTED_PEOPLE)
        if act.kind == BulkAct.Kind.ALBUM:
            context["albums"] = list_choosable_albums(user)
        return TemplateResponse(request, "admin/gallery/bulkact/draft.html", context)

    def state_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far it has got: what the page asks for while it runs."""
        context = self._build_context(request, self._get_act(request, pk))
        return TemplateResponse(request, "admin/gallery/bulkact/_state.html", context)

    @method_decorator(require_POST)
    def act_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        act = self._get_act(request, pk)
        try:
            return self._do_act(request, act, request.POST.get("do", ""))
        except ActionRefused as refusal:
            messages.error(request, str(refusal))
        return redirect("admin:gallery_bulkact_change", act.pk)

    def _get_act(self, request: HttpRequest, pk: int | None) -> BulkAct:
        return get_object_or_404(self.get_queryset(request), pk=pk)

    def _build_context(self, request: HttpRequest, act: BulkAct) -> dict[str, Any]:
        event = get_act_event(act)
        is_settled = not act.is_running and act.changed > 0
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

    def _do_act(self, request: HttpRequest, act: BulkAct, word: str) -> HttpResponseBase:
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
            if not act.is_running:
                add_bulk_messages(request, act)
                return redirect(back)
        elif word == "read":
            reread_people_file(act, request.POST.get("encoding", ""))
        elif word == "stop":
            stop_bulk_act(act)
        elif word == "resume":
            resume_bulk_act(act)
        return redirect("admin:gallery_bulkact_change", act.pk)
