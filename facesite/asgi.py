"""The application as facesite.server serves it: Django's, behind the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facesite import wsgi

if TYPE_CHECKING:
    from facesite.gate import Gate


def put_behind_gate() -> Gate:
    from facesite.gate import Gate  # needs the apps that facesite.wsgi has loaded

    return Gate(wsgi.application)


application = put_behind_gate()
