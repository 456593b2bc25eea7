"""Switches of the whole site that people turn on pages; each turn is in the history and can be undone there."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.core.exceptions import CannotUndo
from gallery.history.changeset import record_event
from gallery.models import Event, Role, SiteSetting, User
from gallery.models.history import get_site_setting


@dataclass(frozen=True, slots=True)
class SiteSwitch:
    key: str  # of its SiteSetting; without one it is on
    verb: str  # of its events, before `_on` or `_off`
    role: Role  # the least that may turn it

    def is_on(self) -> bool:
        return get_site_setting(self.key, True) is True


AUTOMATIC_REFERENCES = SiteSwitch("confirmed_faces_become_references", "setting.references", Role.CURATOR)
FACE_LOOKUPS = SiteSwitch("face_lookups", "setting.lookups", Role.ADMINISTRATOR)
SWITCHES = {switch.verb: switch for switch in (AUTOMATIC_REFERENCES, FACE_LOOKUPS)}
SWITCH_VERBS = [f"{verb}_{state}" for verb in SWITCHES for state in ("on", "off")]


def are_face_lookups_on() -> bool:
    """Whether people may look at a picture that is not kept, or search all photos for a face."""
    return settings.IDENTIFY and FACE_LOOKUPS.is_on()


@transaction.atomic
def turn_site_switch(user: User, switch: SiteSwitch, wanted: bool) -> Event | None:
    """Turn it on or off; None if it is so already."""
    before = switch.is_on()
    if wanted == before:
        return None
    SiteSetting.objects.update_or_create(pk=switch.key, defaults={"value": wanted})
    verb = f"{switch.verb}_on" if wanted else f"{switch.verb}_off"
    return record_event(user, verb, None, {"wanted": wanted}, undo={"wanted": before})


def undo_site_switch(user: User, event: Event) -> dict[str, bool]:
    verb = str(event.summary.get("verb") or event.verb)  # of what an undo has undone
    switch = SWITCHES[verb.rpartition("_")[0]]
    if not user.has_role(switch.role):
        raise CannotUndo(_("Only an administrator can switch this."))
    before = switch.is_on()
    wanted = bool((event.undo or {}).get("wanted", before))
    SiteSetting.objects.update_or_create(pk=switch.key, defaults={"value": wanted})
    return {"wanted": before}


EVENT_DESCRIPTIONS = {
    "setting.references_on": gettext_lazy("let confirmed faces become references"),
    "setting.references_off": gettext_lazy("kept confirmed faces from becoming references"),
    "setting.lookups_on": gettext_lazy("switched looking at pictures and searching with a face on"),
    "setting.lookups_off": gettext_lazy("switched looking at pictures and searching with a face off"),
}
