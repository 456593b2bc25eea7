"""Settings that would leave the site open: said before it starts, each in one sentence with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "::1"}
KNOWN_KEYS = ("django-insecure", "changeme", "change-me", "secret", "example", "facesite")
KEY_LENGTH = 50  # signs; fewer can be guessed offline from one signed cookie
KEY_VARIETY = 12  # different signs
TOKEN_LENGTH = 20

# For every page, the admin's too: nothing from elsewhere, nothing inline, no frames.
CONTENT_POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "blob:", "data:"],
    "connect-src": ["'self'"],
    "font-src": ["'self'"],
    "manifest-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}

# What pages of this site never need: browsers refuse it even to a script that slipped in.
REFUSED_FEATURES = (
    "accelerometer",
    "browsing-topics",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
)


@dataclass(frozen=True, slots=True)
class Problem:
    number: int  # as in facesite.E003
    sentence: str
    hint: str


def is_loopback(host: str) -> bool:
    return host in LOOPBACK or host.endswith(".localhost")


def is_public(settings: Any) -> bool:
    """Answers to names other than this machine's own."""
    return any(not is_loopback(host) for host in settings.ALLOWED_HOSTS)


def problems(settings: Any) -> list[Problem]:
    """Why the site must not start with these settings; empty when it may."""
    found = [*_key(settings), *_tokens(settings), *_proxies(settings)]
    if is_public(settings):
        found += _public(settings)
    return sorted(found, key=lambda problem: problem.number)


def _key(settings: Any) -> Iterator[Problem]:
    key: str = settings.SECRET_KEY
    is_known = key.lower().startswith(KNOWN_KEYS)
    if len(key) < KEY_LENGTH or len(set(key)) < KEY_VARIETY or is_known:
        yield Problem(
            1,
            "FACESITE_SECRET_KEY is short or well known: whoever guesses it can log in as anybody.",
            f"Leave it empty, and a key is made and kept in the data directory, or give at least {KEY_LENGTH}"
            " random characters.",
        )


def _public(settings: Any) -> Iterator[Problem]:
    if settings.DEBUG:
        yield Problem(
            2,
            "FACESITE_DEBUG is on while the site answers to public names: error pages show its insides.",
            "Set FACESITE_DEBUG=no.",
        )
    if "*" in settings.ALLOWED_HOSTS and not settings.PROXIES:
        yield Problem(
            3,
            "FACESITE_ALLOWED_HOSTS is * without a proxy: links in e-mails could be made to point elsewhere.",
            "Name the hosts, or put a proxy that checks them in front and set FACESITE_PROXIES=1.",
        )
    if not settings.USE_HTTPS and not settings.ALLOW_HTTP:
        yield Problem(
            4,
            "The site answers to public names without HTTPS: passwords and faces travel readable.",
            "Set a TLS proxy before it and FACESITE_HTTPS=yes, or FACESITE_ALLOW_HTTP=yes on a trusted network.",
        )


def _tokens(settings: Any) -> Iterator[Problem]:
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < TOKEN_LENGTH:
        yield Problem(
            5,
            f"FACESITE_METRICS_TOKEN has fewer than {TOKEN_LENGTH} characters.",
            "Give a long random one, or none: then there is no /metrics.",
        )


def _proxies(settings: Any) -> Iterator[Problem]:
    if settings.ACCEL_PREFIX and not settings.PROXIES:
        yield Problem(
            6,
            "FACESITE_ACCEL is set without a proxy: every picture would come out empty.",
            "Set FACESITE_PROXIES to the number of proxies in front of the site, or unset FACESITE_ACCEL.",
        )
    origins = settings.CSRF_TRUSTED_ORIGINS
    if any("*" in origin or (settings.USE_HTTPS and origin.startswith("http:")) for origin in origins):
        yield Problem(
            7,
            "FACESITE_TRUSTED_ORIGINS lets forms come from any subdomain, or over plain HTTP.",
            "Name each origin in full, with https://.",
        )
