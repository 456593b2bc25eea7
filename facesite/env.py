"""Typed readers of environment variables: a bad value stops start-up with a sentence that names it."""

import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from recognition.cores import count_cores

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    """Empty is as if it were not there: files of variables have many that nobody has filled in."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value in TRUE | FALSE:
        return value in TRUE
    raise ImproperlyConfigured(f"{name} is {value!r}; it takes yes or no.")


def number(name: str, default: float, *, low: float, high: float) -> float:
    value = text(name)
    if not value:
        return default
    try:
        found = float(value)
    except ValueError:
        found = float("nan")
    if not low <= found <= high:
        raise ImproperlyConfigured(f"{name} is {value!r}; it takes a number from {low:g} to {high:g}.")
    return found


def whole(name: str, default: int, *, low: int, high: int) -> int:
    found = number(name, default, low=low, high=high)
    if found != int(found):
        raise ImproperlyConfigured(f"{name} is {found:g}; it takes a whole number.")
    return int(found)


def count_per_core(name: str, default: int, *, high: int) -> int:
    """A whole number from 1, or `auto`: as many as there are processor cores."""
    if text(name).lower() == "auto":
        return min(count_cores(), high)
    return whole(name, default, low=1, high=high)


def choice(name: str, default: str, options: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in options:
        raise ImproperlyConfigured(f"{name} is {value!r}; it takes one of: {', '.join(options)}.")
    return value


def formed_like(name: str, pattern: str, example: str) -> str:
    """A text that the pattern describes as a whole, or none."""
    value = text(name)
    if value and not re.fullmatch(pattern, value, re.ASCII):
        raise ImproperlyConfigured(f"{name} is {value!r}; it takes a value like {example}.")
    return value


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def age_recipients(name: str) -> list[str]:
    """Public keys of age, sorted."""
    found = sorted(set(words(name)))
    if found:
        import pyrage  # a site without such keys does not load it

        for each in found:
            try:
                pyrage.x25519.Recipient.from_str(each)
            except pyrage.RecipientError as error:
                raise ImproperlyConfigured(
                    f"{name}: {each[:80]!r} is no public key of age. It takes what age-keygen prints as the public"
                    " key, age1 and 58 letters and digits; several separated by commas."
                ) from error
    return found


def folder(name: str, default: Path) -> Path:
    return Path(text(name) or default).expanduser().absolute()


def path_prefix(name: str) -> str:
    """The path below which the site stands, as "/faces"; "" where it has the whole host."""
    value = text(name).strip("/")
    if not value:
        return ""
    if not re.fullmatch(r"[\w~-][\w.~-]*(/[\w~-][\w.~-]*)*", value, re.ASCII):
        raise ImproperlyConfigured(f"{name} is {value!r}; it takes a path such as /faces.")
    return f"/{value}"


def size(name: str, default: str) -> str:
    """A memory size as AutoFaiss writes it: a number and KB, MB or GB."""
    value = text(name, default).upper().replace(" ", "")
    digits, unit = value[:-2], value[-2:]
    if unit not in {"KB", "MB", "GB"} or not digits.replace(".", "", 1).isdigit():
        raise ImproperlyConfigured(f"{name} is {value!r}; it takes a size such as 500MB or 4GB.")
    return value
