"""A bounded round of fuzzing; ``make fuzz`` runs longer."""

from __future__ import annotations

import os

from tests.recognition.images.fuzz_images import fuzz


def test_mutated_photos_end_as_pixels_or_as_a_sentence() -> None:
    tally = fuzz(float(os.environ.get("FACESITE_FUZZ_SECONDS", "15")), seed=20_240_501)
    assert tally.wrong == []
    assert sum(tally.outcomes.values()) > 50
    assert {"JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIC"} <= set(tally.kinds)
    assert any(outcome.startswith("refused") for outcome in tally.outcomes)
