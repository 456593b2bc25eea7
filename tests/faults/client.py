"""A signed-in person who uploads, over plain HTTP, and remembers what the site promised."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import uuid
from dataclasses import dataclass, field

CSRF = "faults" * 5 + "fa"  # any will do, where cookie and header agree
OK = ("added", "duplicate")


@dataclass
class Answer:
    """What came back; status 0 where the connection broke, or (kind "refused") never came to be."""

    status: int
    kind: str = ""
    sentence: str = ""
    retry_after: str | None = None

    @property
    def is_accepted(self) -> bool:
        return self.kind in OK

    @property
    def was_cut_off(self) -> bool:
        return self.status == 0 and self.kind != "refused"


@dataclass
class Uploader:
    """Thread-safe: one connection for each upload."""

    port: int
    session: str
    promised: dict[str, str] = field(default_factory=dict)  # SHA-256 of what was accepted: its name
    answers: list[Answer] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def upload(self, content: bytes, name: str, timeout: float = 60) -> Answer:
        try:
            answer = self._ask(content, name, timeout)
        except ConnectionRefusedError:
            answer = Answer(0, "refused")
        except (OSError, http.client.HTTPException):
            answer = Answer(0)
        with self._lock:
            self.answers.append(answer)
            if answer.is_accepted:
                self.promised[hashlib.sha256(content).hexdigest()] = name
        return answer

    def until_accepted(self, content: bytes, name: str, tries: int = 100) -> Answer:
        """As a person with patience does: once more, until it is taken."""
        for _ in range(tries):
            if (answer := self.upload(content, name)).is_accepted:
                return answer
            threading.Event().wait(0.3)
        raise AssertionError(f"{name} was not accepted in {tries} tries: {answer}")

    def headers(self) -> dict[str, str]:
        cookies = f"sessionid={self.session}; csrftoken={CSRF}"
        return {"Cookie": cookies, "X-CSRFToken": CSRF, "Accept": "application/json"}

    def _ask(self, content: bytes, name: str, timeout: float) -> Answer:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            body, kind = form(content, name)
            line.request("POST", "/upload/file", body, {**self.headers(), "Content-Type": kind})
            return read(line.getresponse())
        finally:
            line.close()


def form(content: bytes, name: str, field_name: str = "photos") -> tuple[bytes, str]:
    """A file as a browser's form sends it, and the content type of that."""
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{field_name}"; filename="{name}"\r\n'
    body = head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + content + f"\r\n--{edge}--\r\n".encode()
    return body, f"multipart/form-data; boundary={edge}"


def read(response: http.client.HTTPResponse) -> Answer:
    text = response.read().decode()
    if response.status != 200:
        is_json = response.headers.get_content_type() == "application/json"
        said = json.loads(text)["error"] if is_json else ""
        return Answer(response.status, sentence=said, retry_after=response.headers["Retry-After"])
    told = json.loads(text.splitlines()[0])
    return Answer(200, told["kind"], told["sentence"])
