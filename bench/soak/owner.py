"""Who uses the site during a soak, over HTTP and by commands, and what they were promised."""

from __future__ import annotations

import http.client
import io
import json
import random
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as Pillow

from tests.faults.client import form
from tests.faults.scene import Scene
from tests.privacy import remains

SIDE = 480  # pixels of a photo
PAGES = (
    "/", "/photos/", "/people/", "/albums/", "/review/", "/unknown/", "/search/?q=joe", "/history/", "/jobs/",
    "/builds/", "/backups/", "/health/", "/names/", "/trash/", "/consents/", "/erasures/", "/audit/", "/metrics",
)  # fmt: skip
FIELDS = {"confirm": "confirmed", "unknown": "rejected", "ignore": "ignored", "not_a_face": "not_a_face"}
REFERENCES = "SELECT image FROM gallery_reference WHERE person_id = {}"
ROWS = {"person": "SELECT id FROM gallery_person", "photo": "SELECT id FROM gallery_photo"}


class Decided(NamedTuple):
    said: str
    person: int | None
    photo: int


@dataclass
class Ledger:
    """What the site has answered, and so has to keep."""

    decisions: dict[int, Decided] = field(default_factory=dict)  # what was last said of each face
    unsure: set[int] = field(
        default_factory=set
    )  # faces of which it is not known whether the last word arrived
    people: dict[int, str] = field(default_factory=dict)
    erased: dict[tuple[str, int], remains.Needles] = field(default_factory=dict)  # that it was asked for
    statuses: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)  # answers that say the site is at fault
    acts: Counter[str] = field(default_factory=Counter)


@dataclass
class Owner:
    """One person at a time; uploads come from others."""

    scene: Scene
    key: str
    dice: random.Random
    ledger: Ledger = field(default_factory=Ledger)
    serving: str = "dlib"
    made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new_picture(self) -> tuple[bytes, str]:
        """A photo of one face, with grain of its own in every block."""
        with self._lock:
            self.made += 1
            number = self.made
        return picture(self.scene.people, number), f"soaked-{number}.jpg"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        kind: str = "application/json",
        *,
        is_page: bool = False,
    ) -> tuple[int, Any]:
        """Status 0 where the connection broke."""
        own = self.scene.uploader.headers() if is_page else {"Authorization": f"Bearer {self.key}"}
        headers = {**own, "Content-Type": kind, **({"Accept": "text/html"} if is_page else {})}
        line = http.client.HTTPConnection("127.0.0.1", self.scene.port, timeout=60)
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            line.close()
        self.ledger.statuses[f"{answer.status // 100}xx"] += 1
        if answer.status == 500:
            self.ledger.broken.append(f"{method} {path}: {content[:300]!r}")
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(content) if is_json else content

    def call(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Of the API; an answer that is no JSON object is as good as none."""
        content = json.dumps(body).encode() if body is not None else b""
        status, found = self.ask(method, f"/api/v1{path}", content)
        return status, found if isinstance(found, dict) else {}

    def post(self, path: str, **fields: str) -> int:
        """A form of a page."""
        body, kind = urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded"
        return self.ask("POST", path, body, kind, is_page=True)[0]

    def acts(self) -> dict[str, tuple[Callable[[], bool], int]]:
        """What this person does, and how often beside the rest; each says whether it came to be."""
        return {
            "page looked at": (self.look_at_page, 8),
            "face decided on": (self.decide_on_face, 12),
            "person added": (self.add_person, 3),
            "index rebuilt": (lambda: self.post("/builds/request") == 302, 1),
            "embedder switched": (self.switch_embedder, 1),
            "backup made": (lambda: bool(self.manage("backup")), 1),
            "person erased": (self.erase_person, 1),
            "photo erased": (self.erase_photo, 2),
        }

    def act(self) -> None:
        """What has not come to be yet before the rest, so that a short soak has everything in it."""
        acts = self.acts()
        missing = [name for name in acts if not self.ledger.acts[name]]
        often = [weight for _, weight in acts.values()]
        name = self.dice.choice(missing) if missing else self.dice.choices([*acts], often)[0]
        if acts[name][0]():
            self.ledger.acts[name] += 1

    def look_at_page(self) -> bool:
        return self.ask("GET", self.dice.choice(PAGES), is_page=True)[0] == 200

    def decide_on_face(self) -> bool:
        _, photos = self.call("GET", "/photos")
        done = [photo["id"] for photo in photos.get("items", ()) if photo["status"] == "done"]
        if not done:
            return False
        _, photo = self.call("GET", f"/photos/{self.dice.choice(done)}")
        _, people = self.call("GET", "/people")
        if not (photo.get("faces") and people.get("items")):
            return False
        face, said = self.dice.choice(photo["faces"]), self.dice.choice([*FIELDS, "confirm", "confirm"])
        body: dict[str, object] = {"decision": said, "revision": face["revision"]}
        person = self.dice.choice(people["items"])["id"] if said == "confirm" else None
        status, _ = self.call(
            "POST", f"/faces/{face['id']}/decision", body | ({"person": person} if person else {})
        )
        if status == 200:
            self.ledger.decisions[face["id"]] = Decided(FIELDS[said], person, photo["id"])
            self.ledger.unsure.discard(face["id"])
        elif status in (0, 503):
            self.ledger.unsure.add(face["id"])
        return status == 200

    def add_person(self) -> bool:
        content, file = self.new_picture()
        name = f"Soakwell Nguyễn-{self.made} {self.dice.randrange(10**6)}"
        status, person = self.call("POST", "/people", {"name": name})
        if status != 201:
            return False
        self.ledger.people[person["id"]] = name
        body, kind = form(content, file, "file")
        return self.ask("POST", f"/api/v1/people/{person['id']}/references", body, kind)[0] == 201

    def switch_embedder(self) -> bool:
        """To the other one, whatever the switch before has come to."""
        self.post("/builds/embedder", consent="yes")
        other = {"dlib": "sface", "sface": "dlib"}[self.serving]
        if self.post("/builds/embedder", name=other) != 302:
            return False
        self.serving = other
        return True

    def manage(self, *arguments: str) -> list[Any]:
        """The JSON of a command; nothing where it could not be carried out."""
        try:
            return self.scene.site.json(*arguments, is_checked=False)
        except ValueError:
            return []

    def erase_person(self) -> bool:
        if not self.ledger.people:
            return False
        pk = self.dice.choice(sorted(self.ledger.people))
        needles = remains.of_name(self.ledger.people.pop(pk))
        for number, (image,) in enumerate(self.scene.site.rows(REFERENCES.format(pk))):
            needles |= remains.of_file(f"person {pk} reference {number}", self.media / image)
        return self.erase("person", pk, needles)

    def erase_photo(self) -> bool:
        found = self.scene.site.rows("SELECT id, file FROM gallery_photo WHERE work = 'done'")
        if not found:
            return False
        pk, file = self.dice.choice(found)
        return self.erase("photo", pk, remains.of_file(f"photo {pk}", self.media / file))

    def erase(self, kind: str, pk: int, needles: remains.Needles) -> bool:
        self.ledger.erased[kind, pk] = needles
        return any(done.get("erased") for done in self.manage(f"erase_{kind}", str(pk), "--yes"))

    @property
    def media(self) -> Path:
        return self.scene.site.folder / "media"

    def list_decisions(self) -> dict[int, Decided]:
        """What was said of faces and must be there still: what arrived for certain, of what was not erased since."""
        erased = self.list_erased().keys()
        return {
            face: decided
            for face, decided in self.ledger.decisions.items()
            if face not in self.ledger.unsure
            and not {("photo", decided.photo), ("person", decided.person)} & erased
        }

    def list_erased(self) -> dict[tuple[str, int], remains.Needles]:
        """What is gone of what was to be erased. The other commands were broken off before they began."""
        there = {kind: {pk for (pk,) in self.scene.site.rows(sql)} for kind, sql in ROWS.items()}
        return {key: needles for key, needles in self.ledger.erased.items() if key[1] not in there[key[0]]}


def picture(people: Path, number: int) -> bytes:
    source = sorted(people.glob("*/*.jpg"))[number % 3]
    with Pillow.open(source) as opened:
        face = np.asarray(opened.convert("RGB").resize((SIDE, SIDE)), np.int16)
    grain = np.random.default_rng(number).normal(0, 6, face.shape)
    file = io.BytesIO()
    Pillow.fromarray(np.clip(face + grain, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=88)
    return file.getvalue()
