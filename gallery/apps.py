"""The app: at start-up it registers what each room contributes."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.utils.translation import gettext_lazy as _


class GalleryConfig(AppConfig):
    name = "gallery"
    verbose_name = _("Gallery")

    def ready(self) -> None:
        from gallery.core import checks  # noqa: F401 -- importing it registers the checks
        from gallery.history.audit import connect_auth_signals
        from gallery.jobs.hosts import register_cleaner
        from gallery.privacy.host_copies import clear_asked_copies

        connect_auth_signals()
        _register_descriptions()
        _register_effects()
        _register_inverses()
        _register_jobs()
        register_cleaner(clear_asked_copies)


def _register_descriptions() -> None:
    """What the history says of events."""
    from gallery.accounts import api_keys
    from gallery.accounts import services as accounts
    from gallery.curation import jobs as curation
    from gallery.faces import decisions, splits
    from gallery.faces import services as faces
    from gallery.history import erased, switches
    from gallery.history.descriptions import register_descriptions
    from gallery.index import services as index
    from gallery.index import switch
    from gallery.jobs import services as jobs
    from gallery.maintenance import jobs as maintenance
    from gallery.people import groups, names_in_files, references
    from gallery.people import services as people
    from gallery.photos import (
        album_order,
        albums,
        companions,
        descriptions,
        membership,
        moment_changes,
        pages,
        sharing,
        stacks,
        turning,
    )
    from gallery.photos import services as photos
    from gallery.privacy import jobs as privacy

    for room in (
        accounts,
        api_keys,
        erased,
        switches,
        jobs,
        index,
        switch,
        decisions,
        splits,
        faces,
        photos,
        albums,
        album_order,
        membership,
        descriptions,
        moment_changes,
        stacks,
        turning,
        companions,
        pages,
        sharing,
        people,
        groups,
        references,
        names_in_files,
    ):
        register_descriptions(room.EVENT_DESCRIPTIONS)
    for room in (curation, maintenance, privacy):
        register_descriptions(room.EVENT_DESCRIPTIONS)


def _register_effects() -> None:
    """Register what follows an act, its undo or its redo, in this order."""
    from gallery.curation.findings import mark_touched_findings
    from gallery.faces.effects import (
        announce_changed_consent,
        apply_consent_changes,
        follow_changed_bounds,
        follow_changed_faces,
        resume_restored_photos,
    )
    from gallery.faces.namesakes import renumber_changed_namesakes
    from gallery.history.changeset import register_receivers
    from gallery.index.feed import announce_changed_references
    from gallery.jobs.services import send_requeued_jobs
    from gallery.photos.membership import follow_moved_photos
    from gallery.photos.stacks import unstack_moved_photos

    register_receivers(
        follow_moved_photos,
        unstack_moved_photos,
        renumber_changed_namesakes,
        apply_consent_changes,
        follow_changed_faces,
        mark_touched_findings,
        announce_changed_references,
        announce_changed_consent,
        resume_restored_photos,
        send_requeued_jobs,
        follow_changed_bounds,
    )


def _register_inverses() -> None:
    """Register how acts are undone that consist of more than changed rows."""
    from gallery.curation.jobs import BULK_VERBS, undo_bulk_act
    from gallery.history.switches import SWITCH_VERBS, undo_site_switch
    from gallery.history.undo import register_inverse, register_undo_question
    from gallery.index.services import reverse_build_request, reverse_roll_back
    from gallery.index.switch import reverse_embedder_choice, reverse_switch_consent
    from gallery.jobs.services import undo_cancel_or_requeue, undo_pause
    from gallery.people.names_in_files import VERB as TAKEN_NAMES
    from gallery.people.names_in_files import undo_taken_names
    from gallery.people.references import undo_added_references
    from gallery.photos.companions import separate_twins
    from gallery.photos.membership import ask_before_undo_shows
    from gallery.photos.pages import undo_pages
    from gallery.photos.turning import undo_turn

    register_undo_question(ask_before_undo_shows)
    register_inverse(separate_twins, "photo.pair")
    register_inverse(undo_pages, "photo.pages")
    register_inverse(undo_pause, "queue.pause", "queue.resume")
    register_inverse(undo_cancel_or_requeue, "queue.cancel", "queue.again")
    register_inverse(reverse_build_request, "build.request", "build.cancel")
    register_inverse(reverse_roll_back, "build.roll_back")
    register_inverse(reverse_embedder_choice, "embedder.choose")
    register_inverse(reverse_switch_consent, "embedder.consent")
    register_inverse(undo_added_references, "reference.add", "references.add", "face.use_as_reference")
    register_inverse(undo_turn, "photo.turn", "photos.turn")
    register_inverse(undo_taken_names, TAKEN_NAMES)
    register_inverse(undo_site_switch, *SWITCH_VERBS)
    register_inverse(undo_bulk_act, *BULK_VERBS)


def _register_jobs() -> None:
    """Register the kinds of job, in the order of the jobs page."""
    from gallery.curation import jobs as curation
    from gallery.faces import jobs as faces
    from gallery.index import jobs as index
    from gallery.jobs.registry import register_jobs
    from gallery.maintenance import jobs as maintenance
    from gallery.people import jobs as people
    from gallery.privacy import jobs as privacy

    for room in (faces, people, index, curation, maintenance, privacy):
        register_jobs(*room.JOBS)


class GalleryAdminConfig(SimpleAdminConfig):
    """Leaves loading the admin's pages to `facesite.urls`, so that workers and commands do without them."""

    default_site = "gallery.admin.base.get_site"
