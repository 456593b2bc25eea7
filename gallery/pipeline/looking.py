"""What an import sees in one image: the face it is about, cut out, or why there is none. Asks no database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gallery import engine
from gallery.models import Reference
from gallery.pipeline.references import Crop, cut
from recognition.mainface import NoFaceFound, SeveralFaces, main_face
from recognition.types import Detector, ImageError


@dataclass(frozen=True, slots=True)
class Source:
    """An image file and the person whose folder it lies in."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A source, and the SHA-256 of its file or what makes looking needless."""

    source: Source
    sha256: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of it: a crop, or none; and what to say of the image, if anything."""

    crop: Crop | None = None
    status: str = Reference.Judgement.APPROVED
    remark: str = ""
    is_faceless: bool = False  # perhaps a tight crop, worth a second look once its person has references


def look(asked: Asked, detector: Detector) -> Seen:
    if asked.refusal:
        return Seen(remark=asked.refusal)
    try:
        pixels = engine.read(asked.source.path).pixels
        return Seen(cut(pixels, main_face(pixels, detector)))
    except NoFaceFound:
        return Seen(is_faceless=True)
    except SeveralFaces as error:
        remark = f"{error} It waits for a curator as pending."
        return Seen(cut(pixels, error.face), Reference.Judgement.PENDING, remark)
    except ImageError as error:
        return Seen(remark=str(error))
    except OSError as error:
        return Seen(remark=unreadable(error))


def unreadable(error: OSError) -> str:
    return f"The file cannot be read: {error.strerror or error}."
