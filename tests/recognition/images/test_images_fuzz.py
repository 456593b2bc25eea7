"""A bounded round of fuzzing; ``make fuzz`` runs longer."""

from __future__ import annotations

import pytest

from tests.recognition.images.fuzz_images import fuzz


@pytest.mark.parametrize("files", [500, pytest.param(20_000, marks=pytest.mark.long)])
def test_mutated_photos_end_as_pixels_or_as_a_sentence(files: int) -> None:
    tally = fuzz(range(files), seed=20_240_501)
    assert tally.wrong == []
    assert sum(tally.outcomes.values()) == files
    assert {"JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIC", "AVIF", "JXL", "RAW"} <= set(tally.kinds)
    assert any(outcome.startswith("refused") for outcome in tally.outcomes)
