"""Asks before an act that whoever acts may not have meant; the page's form sends it once more with the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gallery.core.exceptions import ConfirmationNeeded

_is_confirmed: ContextVar[Callable[[str], bool]] = ContextVar("is_confirmed", default=lambda key: False)


@contextmanager
def let_confirmed_through(is_confirmed: Callable[[str], bool] = lambda key: True) -> Iterator[None]:
    """Within this, acts are done where `is_confirmed` says that whoever acts was asked and agreed."""
    token = _is_confirmed.set(is_confirmed)
    try:
        yield
    finally:
        _is_confirmed.reset(token)


def ask_unless_confirmed(key: str, question: str) -> None:
    """Raise ConfirmationNeeded with the question, unless it was asked under this key and answered."""
    if not _is_confirmed.get()(key):
        raise ConfirmationNeeded(key, question)
