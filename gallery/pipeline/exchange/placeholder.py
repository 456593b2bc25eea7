"""A plain grey picture for references whose own picture is not at hand: they can be searched, not shown."""

from __future__ import annotations

from functools import cache

import numpy as np

from recognition import images


@cache
def placeholder() -> bytes:
    return images.encode(np.full((64, 64, 3), 200, np.uint8), form="PNG")
