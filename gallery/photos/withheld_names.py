"""Names that no copy of a photo may hold, whatever program wrote them into its file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gallery.core.erased import compute_digests
from gallery.models import ErasedDigest, OtherName, Person, Photo
from gallery.models.people import get_search_key
from gallery.models.querysets import not_recognisable_q

_BETWEEN_WORDS = re.compile(r"[\W_]+")
_BETWEEN_ERASED_WORDS = re.compile(r"[\s|/,;:()\"_]+")  # names keep the rest, such as hyphens
_LONGEST_TEXT = 100_000  # characters; what is longer is no words, but a picture or the like
_MOST_WORDS = 6  # of an erased name, of which only a digest is known


class WithheldNames:
    """Of who may not be recognised, or was erased; of everybody where nobody may be recognised in the photo."""

    def __init__(self, photo: Photo) -> None:
        people = Person.objects.all()
        if photo.may_be_recognised:
            people = people.filter(not_recognisable_q())
        names = people.values_list("name", flat=True).order_by()
        others = (
            OtherName.objects.filter(person__in=people.order_by()).values_list("name", flat=True).order_by()
        )
        self._names = {words for name in (*names, *others) if (words := _split_words(name))}
        self._most_words = max(map(len, self._names), default=0)
        erased = ErasedDigest.objects.filter(kind=ErasedDigest.Kind.NAME, returned_at=None)
        self._erased = set(erased.values_list("digest", flat=True))

    def are_in(self, text: str) -> bool:
        """Whether the text holds one of them, or is too long to say; case, accents and punctuation do not count."""
        if len(text) > _LONGEST_TEXT:
            return bool(self._names or self._erased)
        if any(words in self._names for words in _iterate_phrases(_split_words(text), self._most_words)):
            return True
        if not self._erased:
            return False
        words = tuple(word for word in _BETWEEN_ERASED_WORDS.split(get_search_key(text)) if word)
        keys = (" ".join(phrase) for phrase in _iterate_phrases(words, _MOST_WORDS))
        return any(digest in self._erased for _key, digest in compute_digests(ErasedDigest.Kind.NAME, keys))


def _split_words(text: str) -> tuple[str, ...]:
    return tuple(word for word in _BETWEEN_WORDS.split(get_search_key(text)) if word)


def _iterate_phrases(words: tuple[str, ...], longest: int) -> Iterator[tuple[str, ...]]:
    for start in range(len(words)):
        for length in range(1, min(longest, len(words) - start) + 1):
            yield words[start : start + length]
