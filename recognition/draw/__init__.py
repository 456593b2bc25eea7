"""Pictures of results: boxes and names on a photo, or faces hidden for good."""

from recognition.draw.hiding import anonymise
from recognition.draw.picture import Drawing, Label, annotate

__all__ = ["Drawing", "Label", "annotate", "anonymise"]
