"""What the database keeps: the truth, of which index and thumbnails are caches."""

from gallery.models.accounts import ApiKey, ApiScope, IdempotencyKey, Invitation, Role, User
from gallery.models.base import Job, Status, Work
from gallery.models.companions import Companion
from gallery.models.curation import BulkAct, Finding
from gallery.models.groups import Membership, PeopleGroup
from gallery.models.history import ErasedDigest, Erasure, Event, EventSubject, SiteSetting, WorkerBeat
from gallery.models.hosts import Chore, ErasureHost, Host
from gallery.models.index import Build, Calibration, FaceGrouping, GalleryChange, NameChange
from gallery.models.people import OtherName, Person, PersonExport, Reference, ReferenceDraft, ReferenceVector
from gallery.models.photos import (
    Album,
    AlbumPhoto,
    Candidate,
    Decision,
    Face,
    FaceRejection,
    FaceSplit,
    FaceSplitSide,
    NameInFile,
    Photo,
    PhotoCopy,
    PhotoTag,
    Rating,
    ShareLink,
)
from gallery.models.uploads import PartialUpload

__all__ = [
    "Album",
    "AlbumPhoto",
    "ApiKey",
    "ApiScope",
    "Build",
    "BulkAct",
    "Calibration",
    "Candidate",
    "Chore",
    "Companion",
    "Decision",
    "ErasedDigest",
    "Erasure",
    "ErasureHost",
    "Event",
    "EventSubject",
    "Face",
    "FaceGrouping",
    "FaceRejection",
    "FaceSplit",
    "FaceSplitSide",
    "Finding",
    "GalleryChange",
    "Host",
    "IdempotencyKey",
    "Invitation",
    "Job",
    "Membership",
    "NameChange",
    "NameInFile",
    "OtherName",
    "PartialUpload",
    "PeopleGroup",
    "Person",
    "PersonExport",
    "Photo",
    "PhotoCopy",
    "PhotoTag",
    "Rating",
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
