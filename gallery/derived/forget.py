"""Removing what was derived, when its original goes."""

from __future__ import annotations

import shutil

from gallery.derived.addresses import photo_folder, reference_folder


def forget_photo(sha256: str) -> None:
    """Remove a photo's display sizes and face crops."""
    shutil.rmtree(photo_folder(sha256), ignore_errors=True)


def forget_reference(sha256: str) -> None:
    shutil.rmtree(reference_folder(sha256), ignore_errors=True)
