"""What a copy that is handed out must not say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be")


def _says_none(_text: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Redaction:
    """Whether the position stays, and how a text is known to hold a name that is withheld."""

    keep_position: bool = False
    says_withheld_name: Callable[[str], bool] = _says_none

    def hides(self, value: bytes) -> bool:
        """Whether these bytes, whose encoding nobody knows, hold a withheld name."""
        return any(self.says_withheld_name(value.decode(encoding, "replace")) for encoding in _ENCODINGS)
