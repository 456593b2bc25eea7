"""The pages of a TIFF, each as a file of its own."""

from __future__ import annotations

import io

from PIL import TiffImagePlugin

from recognition.images.limits import DEFAULT_LIMITS, Limits
from recognition.images.source import Source, open_image
from recognition.images.structure import check_dimensions

_SUBFILE, _DATE_TIME = 254, 306
_SMALLER_COPY, _MASK = 1, 4  # kinds of a subfile that is no page


def extract_page(source: Source, number: int, limits: Limits = DEFAULT_LIMITS) -> bytes | None:
    """Page ``number`` (the first is 0) as a TIFF that holds it without loss, upright; None where there is no such
    page, or only a smaller copy or a mask of another. Raises ImageError, ImageTooLarge."""
    with open_image(source, limits) as opened:
        image = opened.image
        if not isinstance(image, TiffImagePlugin.TiffImageFile) or number >= opened.info.frames:
            return None
        date = image.tag_v2.get(_DATE_TIME)
        image.seek(number)
        if image.tag_v2.get(_SUBFILE, 0) & (_SMALLER_COPY | _MASK):
            return None
        check_dimensions(image.size, limits)
        date = image.tag_v2.get(_DATE_TIME, date)
        file = io.BytesIO()
        image.copy().save(  # a copy knows nothing of the other pages
            file,
            "TIFF",
            compression="tiff_adobe_deflate",
            icc_profile=image.info.get("icc_profile"),
            tiffinfo={_DATE_TIME: date} if date else {},
        )
        return file.getvalue()
