"""Fonts for names: the Noto files that packages ship, and what each of them can draw."""

from __future__ import annotations

import importlib.util
import pkgutil
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from recognition.errors import RecognitionError

_PACKAGES = "fontpkg_noto_sans"  # and its sisters for other scripts: fontpkg_noto_sans_thai and so on
_NO_LETTER = "\U0010fffe"  # no font has one: it shows what "missing" looks like
_SYSTEM_FONTS = Path("/usr/share/fonts")
_JOINERS = "\u200c\u200d"


@lru_cache(maxsize=1)
def list_font_files() -> tuple[Path, ...]:
    """Upright Noto Sans files of the installed packages, the general one first; then those of the system."""
    names = sorted(module.name for module in pkgutil.iter_modules() if module.name.startswith(_PACKAGES))
    files: list[Path] = []
    for name in names:
        spec = importlib.util.find_spec(name)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            found = sorted(Path(folder, "files").glob("*.ttf"))
            files += [path for path in found if "Italic" not in path.name]
    files += sorted(_SYSTEM_FONTS.rglob("NotoSans*-Regular.*"), key=lambda path: path.name)
    if not files:
        raise RecognitionError("No font to write names with: install the package fontpkg-noto-sans.")
    return tuple(files)


@lru_cache(maxsize=64)
def load_font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


def find_font(text: str, size: int) -> ImageFont.FreeTypeFont | None:
    """A font with a glyph for every character of ``text``; None when no single one has them all."""
    for path in list_font_files():
        if all(has_glyph(path, letter) for letter in text):
            return load_font(path, size)
    return None


@lru_cache(maxsize=20_000)
def has_glyph(path: Path, letter: str) -> bool:
    if letter.isspace() or letter in _JOINERS:
        return True
    probe = load_font(path, 24)
    return _render_glyph(probe, letter) != _render_glyph(probe, _NO_LETTER)


def _render_glyph(probe: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = probe.getmask(letter)
    return mask.size, bytes(mask)


def list_missing_scripts(texts: Iterable[str]) -> list[str]:
    """The scripts of letters that no font has, by name: ["Hangul", "Thai"]."""
    letters = {letter for text in texts for letter in clean_text(text) if letter.isalpha()}
    with suppress(RecognitionError):  # where there is no font at all, it is all of them
        letters = {letter for letter in letters if find_font(letter, 24) is None}
    return sorted({_get_script_name(letter) for letter in letters})


def clean_text(text: str) -> str:
    """One line, composed, without control characters or marks that turn the writing direction."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter
        for letter in composed
        if letter in _JOINERS or unicodedata.category(letter) not in ("Cf", "Cs", "Co", "Cn")
    )
    return " ".join(kept.split())


def replace_undrawable(text: str) -> str:
    """``text`` with what the general font lacks replaced by the name of its script: "[Hangul] Kim"."""
    path = list_font_files()[0]
    parts: list[str] = []
    for letter in text:
        part = letter if has_glyph(path, letter) else f"[{_get_script_name(letter)}]"
        if len(part) == 1 or not parts or parts[-1] != part:
            parts.append(part)
    return "".join(parts)


def _get_script_name(letter: str) -> str:
    first = unicodedata.name(letter, "?").split()[0]
    return {"CJK": "Han", "?": "?"}.get(first, first.capitalize())
