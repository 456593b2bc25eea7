"""Vectors, stored as little-endian float32 bytes, and moments of the clock that all hosts share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from django.db import models
from numpy.typing import NDArray

from gallery.models.clock import get_site_time

_SetType = TypeVar("_SetType", contravariant=True)
_GetType = TypeVar("_GetType", covariant=True)


if TYPE_CHECKING:

    class _BinaryField(models.BinaryField[_SetType, _GetType]):
        _pyi_private_set_type: bytes | NDArray[np.float32]
        _pyi_private_get_type: NDArray[np.float32]  # type: ignore[assignment]  # not a BinaryField's

    class _DateTimeField(models.DateTimeField[_SetType, _GetType]):
        pass

else:

    class _BinaryField(models.BinaryField):
        def __class_getitem__(cls, _types):
            return cls

    class _DateTimeField(models.DateTimeField):
        def __class_getitem__(cls, _types):
            return cls


def vector_to_bytes(vector: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(vector, "<f4").tobytes()


def vector_from_bytes(content: bytes | bytearray | memoryview) -> NDArray[np.float32]:
    return np.frombuffer(content, "<f4").astype(np.float32)


class VectorField(_BinaryField[_SetType, _GetType]):
    """A float32 vector in a binary column; migrations know it as Django's own BinaryField."""

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.BinaryField", args, kwargs

    def from_db_value(self, value: bytes | memoryview | None, *_: object) -> NDArray[np.float32] | None:
        return None if value is None else vector_from_bytes(value)

    def get_prep_value(self, value: Any) -> Any:
        return vector_to_bytes(value) if isinstance(value, np.ndarray) else super().get_prep_value(value)

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        return vector_from_bytes(found) if isinstance(found, bytes | memoryview) else found


class MomentField(_DateTimeField[_SetType, _GetType]):
    """When a row was made or changed, by the clock that all hosts share; to migrations Django's own DateTimeField.

    Django takes the two for different types: what a query puts in the place of one (`taken_at`) is one, too.
    """

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        if self.auto_now or (self.auto_now_add and add):
            setattr(model_instance, self.attname, get_site_time())
        return getattr(model_instance, self.attname)
