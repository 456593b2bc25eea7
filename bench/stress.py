"""Harder photos made by code from labelled ones, with the boxes that must be found in them.

From ``groups/`` (truth.json) and ``lfw10/`` (one face in the middle of each 250 x 250 photo) of a folder of
labelled photos. Everything is seeded: the same folder gives the same photos.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter, ImageOps

Image = NDArray[np.uint8]
Boxes = NDArray[np.float64]  # (n, 4): left, top, right, bottom

MIDDLE = np.array([[80.0, 70.0, 170.0, 185.0]])  # the face in an LFW photo, roughly


@dataclass(frozen=True)
class Shot:
    """A photo, the faces in it, and whether other boxes in it are false (else they are not judged)."""

    kind: str
    name: str
    image: Image
    faces: Boxes
    is_complete: bool = True


def read(path: Path) -> Image:
    with Pillow.open(path) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))


def every_shot(folder: Path) -> Iterator[Shot]:
    """All plain and hard photos, one after the other."""
    groups, portraits = list(group_shots(folder)), list(portrait_shots(folder))
    yield from groups
    yield from portraits
    for number, shot in enumerate(groups):
        yield from changed(shot)
        yield blanked(shot)
        for degrees in (90, 180, 270):
            yield quarter_turned(shot, degrees)
        for degrees in (-40, -20, 20, 40):
            yield turned(shot, degrees)
        for pixels in (20, 24, 30, 40):
            yield smaller(shot, pixels)
        for side in range(4):
            yield cut(shot, side, number)
    for pixels in (20, 24, 30, 40):
        yield from collages(portraits, pixels)
    for pixels in (16, 20, 24, 30):
        yield from crowds(portraits, pixels)
    for shot in portraits[::4]:
        for degrees in (-40, -20, 20, 40):
            yield turned(shot, degrees)
        yield from changed(shot)
        yield close_up(shot)


def group_shots(folder: Path) -> Iterator[Shot]:
    truth = json.loads((folder / "groups" / "truth.json").read_text())
    for name, labels in sorted(truth.items()):
        faces = np.array(labels["faces"] + labels["hard"], np.float64)
        faces[:, 2:] += faces[:, :2]
        yield Shot("groups", name, read(folder / "groups" / name), faces)


def portrait_shots(folder: Path) -> Iterator[Shot]:
    for path in sorted(folder.glob("lfw10/*/*.jpg")):
        yield Shot("portraits", path.stem, read(path), MIDDLE, is_complete=False)


def changed(shot: Shot) -> Iterator[Shot]:
    """The same photo in other light, without colour, blurred, noisy, and as a poor JPEG's neighbour."""
    image = shot.image.astype(np.float32) / 255
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.08, image.shape).astype(np.float32)
    yield replace(shot, kind="dark", image=_bytes(image**1.8 * 0.22))
    yield replace(shot, kind="very dark", image=_bytes(image**2.2 * 0.08))
    yield replace(shot, kind="backlit", image=_bytes(image**1.6 * 0.3 + _glare(shot)))
    yield replace(shot, kind="grey", image=_bytes(np.repeat(image.mean(2, keepdims=True), 3, 2)))
    yield replace(shot, kind="noisy", image=_bytes(image**1.5 * 0.5 + noise))
    yield replace(shot, kind="party light", image=_bytes(image * (0.9, 0.25, 0.7)))
    soft = Pillow.fromarray(shot.image).filter(ImageFilter.GaussianBlur(shot_face(shot) / 35))
    yield replace(shot, kind="blurred", image=np.asarray(soft))


def shot_face(shot: Shot) -> float:
    return float(np.median(shot.faces[:, 2] - shot.faces[:, 0]))


def _glare(shot: Shot) -> NDArray[np.float32]:
    """Bright everywhere but on and near the faces."""
    light = np.full(shot.image.shape[:2], 0.7, np.float32)
    for left, top, right, bottom in shot.faces.astype(int):
        light[max(top, 0) : bottom, max(left, 0) : right] = 0
    soft = Pillow.fromarray(_bytes(light)).filter(ImageFilter.GaussianBlur(shot_face(shot) / 4))
    return (np.asarray(soft, np.float32) / 255)[..., None]


def blanked(shot: Shot) -> Shot:
    """The photo with every face painted over by what surrounds it: nothing in it may be found."""
    picture = Pillow.fromarray(shot.image)
    flat = picture.filter(ImageFilter.GaussianBlur(shot_face(shot) * 0.6))
    for left, top, right, bottom in shot.faces:
        reach = 0.25 * (right - left)
        start = int(left - reach), int(top - reach)
        picture.paste(flat.crop((*start, int(right + reach), int(bottom + reach))), start)
    return Shot("faces painted over", shot.name, np.asarray(picture), np.empty((0, 4)))


def quarter_turned(shot: Shot, degrees: int) -> Shot:
    """As a camera that lost its orientation leaves it."""
    return _rotated(shot, degrees, f"turned by {degrees}", fill=None)


def turned(shot: Shot, degrees: int) -> Shot:
    return _rotated(shot, degrees, f"tilted by {abs(degrees)}", fill=(110, 110, 110))


def _rotated(shot: Shot, degrees: int, kind: str, fill: tuple[int, int, int] | None) -> Shot:
    picture = Pillow.fromarray(shot.image).rotate(
        degrees, Pillow.Resampling.BILINEAR, expand=True, fillcolor=fill
    )
    angle = -math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    middle = np.array(shot.image.shape[1::-1]) / 2
    centres = ((shot.faces[:, :2] + shot.faces[:, 2:]) / 2 - middle) @ turn.T + np.array(picture.size) / 2
    half = (shot.faces[:, 2:] - shot.faces[:, :2]).mean(1, keepdims=True) / 2
    return replace(
        shot, kind=kind, image=np.asarray(picture), faces=np.concatenate([centres - half, centres + half], 1)
    )


def smaller(shot: Shot, pixels: int) -> Shot:
    """Reduced until the median face is so many pixels wide."""
    scale = pixels / shot_face(shot)
    size = round(shot.image.shape[1] * scale), round(shot.image.shape[0] * scale)
    image = np.asarray(Pillow.fromarray(shot.image).resize(size, Pillow.Resampling.LANCZOS))
    return replace(shot, kind=f"faces of {pixels}", image=image, faces=shot.faces * scale)


def cut(shot: Shot, side: int, number: int) -> Shot:
    """Cropped so that the border runs through one face, leaving two thirds of it."""
    left, top, right, bottom = shot.faces[number % len(shot.faces)]
    rows, columns = shot.image.shape[:2]
    x, y = int(left + (right - left) / 3), int(top + (bottom - top) / 3)
    x2, y2 = int(right - (right - left) / 3), int(bottom - (bottom - top) / 3)
    window = [(x, 0, columns, rows), (0, y, columns, rows), (0, 0, x2, rows), (0, 0, columns, y2)][side]
    image = np.ascontiguousarray(shot.image[window[1] : window[3], window[0] : window[2]])
    faces = shot.faces - np.array(window[:2] * 2)
    size = np.array(image.shape[1::-1] * 2)
    seen = np.clip(faces, 0, size)
    part = (seen[:, 2:] - seen[:, :2]).prod(1) / (faces[:, 2:] - faces[:, :2]).prod(1)
    return replace(shot, kind="cut by the edge", image=image, faces=seen[part > 0.6], is_complete=False)


def collages(shots: list[Shot], pixels: int) -> Iterator[Shot]:
    """Four by five portraits on one sheet, faces so many pixels wide."""
    scale = pixels / shot_face(shots[0])
    tile = round(250 * scale)
    for start in range(0, len(shots) - 19, 20):
        sheet, faces = np.zeros((4 * tile, 5 * tile, 3), np.uint8), []
        for place, shot in enumerate(shots[start : start + 20]):
            x, y = place % 5 * tile, place // 5 * tile
            small = Pillow.fromarray(shot.image).resize((tile, tile), Pillow.Resampling.LANCZOS)
            sheet[y : y + tile, x : x + tile] = np.asarray(small)
            faces.append(shot.faces[0] * scale + (x, y, x, y))
        yield Shot(f"collage, faces of {pixels}", str(start), sheet, np.array(faces), is_complete=False)


def close_up(shot: Shot) -> Shot:
    """A crop as tight as a gallery of faces has."""
    left, top, right, bottom = shot.faces[0].astype(int)
    image = np.ascontiguousarray(shot.image[top:bottom, left:right])
    return replace(shot, kind="close crop", image=image, faces=shot.faces - shot.faces[:, [0, 1, 0, 1]])


def _bytes(image: NDArray[np.floating[Any]]) -> Image:
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)


def crowds(shots: list[Shot], pixels: int) -> Iterator[Shot]:
    """A photo of 1600 x 1200 full of portraits, faces so many pixels wide."""
    scale = pixels / shot_face(shots[0])
    tile = round(250 * scale)
    across, down = 1600 // tile, 1200 // tile
    sheet, faces = np.full((1200, 1600, 3), 96, np.uint8), []
    order = np.random.default_rng(2).integers(0, len(shots), across * down)
    for place, which in enumerate(order):
        x, y = place % across * tile, place // across * tile
        small = Pillow.fromarray(shots[which].image).resize((tile, tile), Pillow.Resampling.LANCZOS)
        sheet[y : y + tile, x : x + tile] = np.asarray(small)
        faces.append(shots[which].faces[0] * scale + (x, y, x, y))
    yield Shot(f"crowd, faces of {pixels}", "1600 x 1200", sheet, np.array(faces), is_complete=False)
