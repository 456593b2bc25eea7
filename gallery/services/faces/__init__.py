"""What people say of faces. Their word outranks the machine's and stands until a person takes it back."""

from gallery.services.faces.drawing import draw_face
from gallery.services.faces.groups import GroupResult, ignore_group, name_group
from gallery.services.faces.references import use_as_reference
from gallery.services.faces.single import (
    clear_decision,
    confirm,
    ignore,
    leave_unknown,
    mark_not_a_face,
    reject,
)

__all__ = [
    "GroupResult",
    "clear_decision",
    "confirm",
    "draw_face",
    "ignore",
    "ignore_group",
    "leave_unknown",
    "mark_not_a_face",
    "name_group",
    "reject",
    "use_as_reference",
]
