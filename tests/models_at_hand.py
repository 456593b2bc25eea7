"""Model files that no package installs: fetched for the tests that need them, which fail without them in CI."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from recognition.download import DownloadFailed
from recognition.embedders.sface import fetch_sface


def save_clip_by_chance(folder: Path) -> Path:
    """A checkpoint of ViT-B-32 with weights by chance: right in everything but what it sees."""
    import open_clip
    import torch

    torch.manual_seed(5)
    torch.save(open_clip.create_model("ViT-B-32").state_dict(), folder / "chance.pt")
    return folder / "chance.pt"


@cache
def published_sface() -> Path:
    """SFace's file as it is published."""
    try:
        return fetch_sface()
    except DownloadFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"NOT TESTED: {error}")
