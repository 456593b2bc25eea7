"""Every address of the site, and who may ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

from gallery.core.permissions import CURATOR_MODELS
from gallery.models import Role
from tests.access_table import ADMIN_TABLE, ADMIN_WORDS, TABLE, Rule

CATCH_ALL = {"(?P<url>.*)$", "<path:object_id>/"}  # the admin's "not found" and its redirect of old addresses


@dataclass(frozen=True)
class Address:
    name: str  # with its namespace: "admin:index"
    pattern: URLPattern

    @property
    def is_admin(self) -> bool:
        return self.name.startswith("admin:")

    @property
    def is_open(self) -> bool:
        return not getattr(self.pattern.callback, "login_required", True)


def addresses(resolver: URLResolver | None = None, space: str = "") -> Iterator[Address]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from addresses(pattern, inner)
        else:
            assert pattern.name or str(pattern.pattern) in CATCH_ALL, f"{pattern} has no name: give it one."
            if pattern.name:
                yield Address(f"{space}{pattern.name}", pattern)


def rule_of(address: Address) -> Rule:
    if not address.is_admin:
        return TABLE[address.name]
    name = address.name.removeprefix("admin:")
    if name in ADMIN_TABLE:
        return ADMIN_TABLE[name]
    words = ADMIN_WORDS.get(name)
    app, _, rest = name.partition("_")
    model = rest.partition("_")[0]
    role = Role.CURATOR if app == "gallery" and model in CURATOR_MODELS else Role.ADMINISTRATOR
    if words is None:
        words = (model,) if "<" in str(address.pattern.pattern) else ()
    return Rule(role, words)


ALL = {address.name: address for address in addresses()}


ADMIN = sorted(name for name, address in ALL.items() if address.is_admin and name != "admin:login")


API = sorted(name for name in ALL if name.startswith(("api:", "compreface:")))


SITE = sorted(name for name, address in ALL.items() if not address.is_admin and name not in API)
