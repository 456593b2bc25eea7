"""Calling the API in tests."""

from __future__ import annotations

import json
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gallery.accounts.api_keys import create_api_key
from gallery.models import ApiScope, User
from tests.making_pictures import jpeg

ROOT = "/api/v1"


class Caller:
    """A program with a key of the user's."""

    def __init__(self, user: User, *scopes: str, **headers: str) -> None:
        self.user = user
        self.key, self.secret = create_api_key(user, user, scopes or ApiScope.values)
        known = {"Authorization": f"Bearer {self.secret}", "x-api-key": self.secret}
        self.client = Client(headers={**known, **headers})

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        options: dict[str, Any] = {"headers": headers}
        if body is not None:
            options |= {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method, ROOT + path, **options)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("POST", path, body)

    def send(self, path: str, content: bytes | None = None, *, name: str = "a.jpg", **form: Any) -> Any:
        """A file by multipart; `headers` among the form are the request's."""
        headers = form.pop("headers", {})
        file = SimpleUploadedFile(name, jpeg() if content is None else content)
        return self.client.post(ROOT + path, {"file": file, **form}, headers=headers)


def problem(answer: Any) -> tuple[int, str]:
    """The status and the code of an answer that is a problem, whole and as RFC 9457 has it."""
    assert answer["Content-Type"] == "application/problem+json"
    said = json.loads(answer.content)
    assert said["status"] == answer.status_code
    assert said["title"]
    assert said["detail"]
    return said["status"], said["code"]
