"""Which embedder serves and which is chosen, how far a switch is, and what curators say to it.

The steps themselves are the worker's (`people.processing`). Pages read this, so it loads no model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery.core.exceptions import ActionRefused, CannotUndo
from gallery.history.changeset import record_event
from gallery.history.locking import hold_words
from gallery.index.selectors import SERVING_RECIPE_KEY, find_newest_embedder_id
from gallery.jobs import dispatch
from gallery.jobs.timings import estimate_minutes_left
from gallery.models import Build, Event, Person, Photo, Reference, SiteSetting, Status, User
from gallery.models.base import translate_failure
from gallery.models.clock import get_site_time
from gallery.models.history import get_site_setting

CHOICE_KEY = "embedder"  # the SiteSetting that names what a curator chose; FACESITE_EMBEDDER outranks it
CONSENT_KEY = "switch_consent"  # the id of the embedder that may serve though people would be lost
PROGRESS_KEY = "switch"  # how far the worker is, see note_progress
MAX_STEP_AGE = timedelta(seconds=40)  # a chain of steps that has said nothing for so long is dead
EMBEDDER_TITLES: dict[str, str | Promise] = {
    "sface": "SFace",
    "dlib": "dlib",
    "clip": "CLIP",
    "onnx": format_lazy("{} (ONNX)", gettext_lazy("a model file of your own")),
}
BETTER_EMBEDDERS = {"dlib": "sface"}  # serving embedder -> the one that is offered instead
REFERENCES_PER_PHOTO = 10  # that are embedded in the time that a photo takes


def get_chosen_name() -> str:
    """The name of the embedder that is asked for, or that serves or made the vectors that are there.

    Empty on a new site. Where neither the settings (`FACESITE_EMBEDDER`) nor a curator name one, nothing is switched
    by an upgrade.
    """
    name = str(settings.EMBEDDER or get_site_setting(CHOICE_KEY, "") or _get_name_in_use())
    return name if name in EMBEDDER_TITLES else ""


def get_serving_id() -> str:
    """The id of the embedder whose index answers; empty before the first build."""
    recipe = get_site_setting(SERVING_RECIPE_KEY)
    return str(recipe["id"]) if isinstance(recipe, dict) else ""


def _get_name_in_use() -> str:
    """Of the embedder that serves, or else that made the newest vector; empty on a new site."""
    return (get_serving_id() or find_newest_embedder_id()).partition("-")[0]


def note_progress(to: str, **values: Any) -> dict[str, Any]:
    """Keep what is known of the switch to this embedder, and that its steps are alive; what is kept now."""
    before = get_site_setting(PROGRESS_KEY)
    kept = before if isinstance(before, dict) and before.get("to") == to else {"to": to, "failed": []}
    now = {**kept, **values}
    if now != before or now.get("is_running"):
        SiteSetting.objects.update_or_create(key=PROGRESS_KEY, defaults={"value": now})
    return now


def is_switch_running() -> bool:
    """Whether one step follows another, so that nobody else needs to begin."""
    recent = SiteSetting.objects.filter(pk=PROGRESS_KEY, changed_at__gt=get_site_time() - MAX_STEP_AGE)
    return recent.filter(value__is_running=True).exists()


def filter_unsearched_references(rows: QuerySet[Reference], embedder_id: str = "") -> QuerySet[Reference]:
    """Approved ones that this embedder has no vector of; or else the serving one, or one that waits to serve."""
    rows = rows.filter(status=Reference.Judgement.APPROVED, work=Status.DONE)
    progress = get_site_setting(PROGRESS_KEY, {})
    waiting = progress["to"] if progress.get("lost_people") else ""
    unsearched = rows.none()
    for each in {embedder_id} if embedder_id else {get_serving_id(), waiting} - {""}:
        unsearched |= rows.exclude(vectors__embedder_id=each)
    return unsearched


def count_lost_people(to: str) -> int:
    """People whom the serving embedder finds, and this one would not."""
    own = Reference.objects.approved().filter(person=OuterRef("pk"))
    found = Person.objects.recognisable().filter(Exists(own.filter(vectors__embedder_id=get_serving_id())))
    return found.filter(~Exists(own.filter(vectors__embedder_id=to))).count()


@dataclass(frozen=True, slots=True)
class EmbedderState:
    """What pages and commands say of the embedders."""

    serving: str  # names; empty on a new site
    chosen: str
    progress: dict[str, Any] = field(default_factory=dict)
    offers: list[EmbedderOffer] = field(default_factory=list)

    @property
    def is_under_way(self) -> bool:
        return bool(self.progress) or bool(self.serving and self.serving != self.chosen)

    @property
    def is_waiting(self) -> bool:
        return bool(self.progress.get("lost_people"))

    @property
    def problem(self) -> str:
        return translate_failure("", {}, self.progress.get("problem", ""))

    @property
    def needs_look(self) -> bool:
        return self.is_waiting or bool(self.problem)

    @property
    def serving_text(self) -> str:
        if not self.serving:
            return ""
        return _("Faces are recognised by %(name)s.") % {"name": EMBEDDER_TITLES[self.serving]}

    @property
    def switch_text(self) -> str:
        """How far a switch is; empty where there is none."""
        if not self.is_under_way:
            return ""
        name = EMBEDDER_TITLES.get(self.chosen, "")
        said = {"total": 0, **self.progress, "name": name, "problem": self.problem}
        if self.problem:
            return _("The switch to %(name)s cannot go on: %(problem)s") % said
        if self.is_waiting:
            return (
                ngettext(
                    "The switch to %(name)s waits for your decision: it would no longer find %(lost_people)s person"
                    " (references that it cannot search: %(lost)s).",
                    "The switch to %(name)s waits for your decision: it would no longer find %(lost_people)s people"
                    " (references that it cannot search: %(lost)s).",
                    said["lost_people"],
                )
                % said
            )
        if said.get("photos"):
            return (
                ngettext(
                    "%(photos)s photo is still to be looked at by %(name)s; until then it keeps its names.",
                    "%(photos)s photos are still to be looked at by %(name)s; until then they keep their names.",
                    said["photos"],
                )
                % said
            )
        if "left" in said:
            return (
                _(
                    "A switch to %(name)s is under way: of %(total)s references %(left)s are left."
                    " Until it is done nothing changes."
                )
                % said
            )
        return _("A switch to %(name)s was asked for, and begins as soon as a worker is free.") % said


@dataclass(frozen=True, slots=True)
class EmbedderOffer:
    """An embedder that a curator may switch to."""

    name: str
    is_return: bool  # to one whose index is there
    minutes: int
    pictureless: int  # references that will be lost
    unseen: int  # references whose face has to be found again

    @property
    def title(self) -> str | Promise:
        return EMBEDDER_TITLES[self.name]


def get_embedder_state(*, has_offers: bool = False) -> EmbedderState:
    serving = _get_name_in_use()
    serving = serving if serving in EMBEDDER_TITLES else ""
    chosen, progress = get_chosen_name(), get_site_setting(PROGRESS_KEY, {})
    is_news = any(progress.get(key) for key in ("problem", "is_running", "left", "lost_people", "photos"))
    offers = _list_offers(serving, chosen) if has_offers else []
    return EmbedderState(serving, chosen, progress if is_news else {}, offers)


def _list_offers(serving: str, chosen: str) -> list[EmbedderOffer]:
    """None where the settings decide."""
    if settings.EMBEDDER:
        return []
    made = Build.objects.filter(is_active=True).values_list("embedder_id", flat=True)
    kept = {embedder_id.partition("-")[0] for embedder_id in made} & {*EMBEDDER_TITLES}
    names = [BETTER_EMBEDDERS.get(serving, ""), *sorted(kept)]
    return [_make_offer(name, kept) for name in dict.fromkeys(names) if name and name != chosen]


def _make_offer(name: str, kept: set[str]) -> EmbedderOffer:
    approved = Reference.objects.approved()
    boxless, photos = approved.filter(box__isnull=True), Photo.objects.outside_trash().count()
    return EmbedderOffer(
        name,
        name in kept,
        estimate_minutes_left(photos + approved.count() // REFERENCES_PER_PHOTO) or 1,
        pictureless=boxless.filter(source_sha256="").count(),
        unseen=boxless.exclude(source_sha256="").count(),
    )


@transaction.atomic
def choose_embedder(user: User, name: str) -> Event:
    """Have this embedder take over. Nothing changes before all that can be embedded is, and people are not lost."""
    hold_words("choice of an embedder")
    if name not in {offer.name for offer in get_embedder_state(has_offers=True).offers}:
        raise ActionRefused(_("This embedder is not on offer here, or FACESITE_EMBEDDER decides."))
    before = get_chosen_name()
    _store_choice(name)
    return record_event(
        user, "embedder.choose", None, {"name": str(EMBEDDER_TITLES[name])}, undo={"name": before}
    )


def reverse_embedder_choice(user: User, event: Event) -> dict[str, str]:
    """The embedder of before takes over again."""
    before = get_chosen_name()
    _store_choice(str((event.undo or {})["name"]))
    return {"name": before}


def _store_choice(name: str) -> None:
    SiteSetting.objects.update_or_create(pk=CHOICE_KEY, defaults={"value": name})
    SiteSetting.objects.filter(pk__in=(PROGRESS_KEY, CONSENT_KEY)).delete()
    dispatch.send_task("switch_embedder")


@transaction.atomic
def consent_to_switch(user: User) -> Event:
    """Let the embedder that waits serve, though it will not find everybody."""
    state = get_embedder_state()
    if not state.is_waiting:
        raise ActionRefused(_("No switch waits for your decision."))
    SiteSetting.objects.update_or_create(pk=CONSENT_KEY, defaults={"value": state.progress["to"]})
    dispatch.send_task("switch_embedder")
    said = {"name": str(EMBEDDER_TITLES.get(state.chosen, "")), "count": state.progress["lost_people"]}
    return record_event(user, "embedder.consent", None, said, undo={"to": state.progress["to"]})


def reverse_switch_consent(user: User, event: Event) -> dict[str, str]:
    """Take the word back, or give it again."""
    to = str((event.undo or {})["to"])
    if get_serving_id() == to:
        raise CannotUndo(_("It serves already. Go back to the embedder before instead."))
    if not SiteSetting.objects.filter(pk=CONSENT_KEY).delete()[0]:
        SiteSetting.objects.create(pk=CONSENT_KEY, value=to)
    dispatch.send_task("switch_embedder")
    return {"to": to}


EVENT_DESCRIPTIONS = {
    "embedder.choose": gettext_lazy("had %(name)s recognise faces"),
    "embedder.consent": gettext_lazy("let %(name)s serve, which does not find everybody"),
}
