"""What the database keeps: the truth, of which index and thumbnails are caches."""

from gallery.models.builds import Build, Calibration, GalleryChange, NameChange
from gallery.models.bulk import BulkAct
from gallery.models.drafts import ReferenceDraft
from gallery.models.erasures import Erasure
from gallery.models.events import Event, EventSubject, SiteSetting, WorkerBeat
from gallery.models.health import Finding
from gallery.models.people import Person, PersonExport, Reference, ReferenceVector
from gallery.models.photos import Album, Candidate, Decision, Face, FaceRejection, Photo, ShareLink
from gallery.models.users import Invitation, Role, User
from gallery.models.work import Status, Work

__all__ = [
    "Album",
    "Build",
    "BulkAct",
    "Calibration",
    "Candidate",
    "Decision",
    "Erasure",
    "Event",
    "EventSubject",
    "Face",
    "FaceRejection",
    "Finding",
    "GalleryChange",
    "Invitation",
    "NameChange",
    "Person",
    "PersonExport",
    "Photo",
    "Reference",
    "ReferenceDraft",
    "ReferenceVector",
    "Role",
    "ShareLink",
    "SiteSetting",
    "Status",
    "User",
    "Work",
    "WorkerBeat",
]
