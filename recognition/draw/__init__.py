"""Pictures of results: boxes and names on a photo, or faces hidden for good."""

from recognition.draw.annotation import Drawing, Label, annotate_photo
from recognition.draw.anonymisation import anonymise_faces

__all__ = ["Drawing", "Label", "annotate_photo", "anonymise_faces"]
