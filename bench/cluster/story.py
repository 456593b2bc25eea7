"""What befalls the cluster: people use it through one host and another, and at each step something is killed."""

from __future__ import annotations

import random
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.cluster.machines import Cluster, Machine
from bench.soak.owner import Owner, picture
from tests.faults.client import Uploader, form
from tests.privacy import remains
from tests.servers import wait_for

PHOTOS = 4  # uploaded at each step
PAUSE_SECONDS = 60
LAST_BUILD = "SELECT id FROM gallery_build WHERE is_active AND contents = 'references'"
OPEN_BUILDS = "SELECT id, lease_owner FROM gallery_build WHERE work IN ('queued', 'processing')"
HELD_PHOTOS = "SELECT id FROM gallery_photo WHERE work = 'processing' AND lease_owner LIKE '{}:%'"
SERVED = "SELECT name FROM gallery_host WHERE build_id = ({}) AND name LIKE 'worker-%'"
WAITING_HOSTS = """
SELECT h.name FROM gallery_erasurehost h JOIN gallery_erasure e ON e.id = h.erasure_id
WHERE h.cleared_at IS NULL AND e.receipt = '{}'
"""
ERASED = "SELECT id FROM gallery_erasure WHERE work = 'done' AND receipt = '{}'"
EMBEDDED = "SELECT id FROM gallery_reference WHERE work = 'done' AND person_id = {}"
IMAGES = "SELECT id, image, sha256 FROM gallery_reference WHERE person_id = {}"
VECTORS = """
SELECT v.id, v.vector FROM gallery_referencevector v JOIN gallery_reference r ON r.id = v.reference_id
WHERE r.person_id = {}
"""
LONG_AGO = """
from datetime import timedelta
from django.db.models import F
answer = Host.objects.filter(name="{}").update(seen_at=F("seen_at") - timedelta(minutes=5))
"""
PICTURES = re.compile(rb'src="(/[^"]+)"')
NAME = "Clusterine Nguyễn-Żółć"


@dataclass
class Story:
    cluster: Cluster
    deadline: float
    is_short: bool = False  # in which nobody waits for a host to be taken for dead
    builds_before: int = 0
    needles: remains.Needles = field(default_factory=dict)
    person: int = 0
    owner: Owner = field(init=False)

    def wait(self, is_there: Callable[[], object], what: str, seconds: float = 180) -> None:
        """Within what is left of the time; it is written down when it was in vain, and the story goes on."""
        print(f"  waiting for {what}", file=sys.stderr, flush=True)
        try:
            wait_for(is_there, what, max(1.0, min(seconds, self.deadline - time.monotonic())))
        except AssertionError as error:
            self.cluster.faults.append(f"NOT SEEN: {error}")

    def upload(self, host: Machine, count: int = PHOTOS) -> None:
        for _ in range(count):
            host.scene.uploader.until_accepted(*self.cluster.web[0].scene.picture())

    def settle(self, seconds: float = 180) -> None:
        self.wait(lambda: not self.cluster.web[0].scene.unsettled(), "all photos to be done", seconds)

    def begin(self) -> None:
        """Some people, an index, and all hosts."""
        cluster = self.cluster
        first, *others = cluster.web
        first.site.manage("import_people", str(first.people))
        first.site.manage("build_index")
        uploader = first.scene.uploader
        for other in others:
            other.scene.__dict__["uploader"] = Uploader(other.scene.port, uploader.session, uploader.promised)
        first.site.ask("answer = User.objects.update(role='admin', is_staff=True, is_superuser=True)")
        scopes = ("--scopes", "read,upload,decide,curate")
        (made,) = first.site.json("create_api_key", "Uploader", *scopes)
        self.owner = Owner(cluster.web[-1].scene, made["key"], random.Random(1))
        self.builds_before = self.count_builds()
        for machine in cluster.machines.values():
            machine.start()

    def count_builds(self) -> int:
        return int(self.cluster.rows("SELECT COUNT(*) FROM gallery_build")[0][0])

    def upload_while_the_host_dies(self) -> None:
        """What one host accepted is there, and its visitors go on at the other."""
        first, other = self.cluster.web[0], self.cluster.web[-1]
        sending = threading.Thread(target=self._send_some, args=(first,))
        sending.start()
        time.sleep(1)  # somewhere within an upload
        self.cluster.kill(first.name, "while photos are uploaded to it")
        sending.join()
        self.upload(other)
        first.start()

    def _send_some(self, host: Machine) -> None:
        for _ in range(PHOTOS):
            host.scene.uploader.upload(*self.cluster.web[0].scene.picture(), timeout=10)

    def process_while_a_worker_dies(self) -> None:
        self.upload(self.cluster.web[0])
        dying = self.cluster.workers[0]
        self.wait(
            lambda: self.cluster.rows(HELD_PHOTOS.format(dying.name)), "a photo in the worker's hands", 90
        )
        self.cluster.kill(dying.name, "with a photo in its hands")
        self.settle()
        dying.start()

    def change_gallery_while_the_scheduler_dies(self) -> None:
        """Somebody new, through the other host than the photos come to."""
        self.upload(self.cluster.web[0], 1)
        if not self.is_short:
            self.cluster.kill("scheduler", "before the gallery is changed")
        _, person = self.owner.call("POST", "/people", {"name": NAME})
        self.person = person["id"]
        body, kind = form(picture(self.cluster.web[0].people, 7), "new.jpg", "file")
        self.owner.ask("POST", f"/api/v1/people/{self.person}/references", body, kind)
        if not self.is_short:
            self.cluster["scheduler"].start()
        self.wait(lambda: self.cluster.rows(EMBEDDED.format(self.person)), "the new reference to be embedded")

    def build_while_the_builder_dies(self) -> None:
        """The change asks for one build; who makes it is killed, and another does."""
        before = self.cluster.rows(LAST_BUILD)
        held: list[str] = []

        def is_held() -> bool:
            held[:] = [owner.partition(":")[0] for _, owner in self.cluster.rows(OPEN_BUILDS) if owner]
            return bool(held) or self.cluster.rows(LAST_BUILD) != before

        self.wait(is_held, "the build to begin", 90)
        if held:
            self.cluster.kill(held[0], "while it builds the index")
            self.cluster[held[0]].start()
        self.wait(lambda: self.cluster.rows(LAST_BUILD) != before, "the build to serve", 240)

    def serve_on_all_workers(self) -> None:
        """Each fetches the build; that none asks for another shows at the end."""
        served, workers = SERVED.format(LAST_BUILD), len(self.cluster.workers)
        for _ in range(10):
            self.upload(self.cluster.web[0], 2)
            self.settle()
            if len(self.cluster.rows(served)) == workers or time.monotonic() > self.deadline:
                return
        self.cluster.faults.append("NOT SEEN: every worker serves the build")

    def pause_store(self) -> None:
        with self.cluster.paused_store():
            self.cluster.faults.append(f"the store paused for {PAUSE_SECONDS} seconds, an upload under way")
            until = time.monotonic() + PAUSE_SECONDS
            self.cluster.web[0].scene.uploader.upload(
                *self.cluster.web[0].scene.picture(), timeout=PAUSE_SECONDS
            )
            time.sleep(max(0.0, until - time.monotonic()))
        self.upload(self.cluster.web[-1], 2)
        self.settle()

    def restart_postgres(self) -> None:
        self.upload(self.cluster.web[-1], 2)
        self.cluster.postgres.kill()
        self.cluster.faults.append("PostgreSQL killed and started again, with photos in work")
        self.cluster.web[0].scene.uploader.upload(*self.cluster.web[0].scene.picture(), timeout=20)
        self.cluster.postgres.start()
        self.upload(self.cluster.web[0], 2)
        self.settle()

    def erase_while_a_host_is_away(self) -> None:
        """Copies of the person are on every host; one is away, and has to be waited for."""
        away, eraser = self.cluster.web[-1], self.cluster.web[0]
        for host in self.cluster.web:
            self._look_at_person(host)
        self._gather_needles()
        self.cluster.kill(away.name, "before a person is erased, with copies")
        if self.is_short:
            eraser.site.ask(LONG_AGO.format(away.name))
        (done,) = eraser.site.json("erase_person", str(self.person), "--yes")
        waiting = WAITING_HOSTS.format(done["receipt"])
        self.wait(lambda: self.cluster.rows(waiting) == [(away.name,)], "all other hosts to confirm", 120)
        finished = ERASED.format(done["receipt"])
        if self.cluster.rows(finished):
            self.cluster.faults.append("NOT SEEN: an erasure that waits for a host")
        away.start()
        self.wait(lambda: self.cluster.rows(finished), "the erasure to be complete", 180)

    def _look_at_person(self, host: Machine) -> None:
        owner = Owner(host.scene, self.owner.key, random.Random(1))
        _, page = owner.ask("GET", f"/people/{self.person}/", is_page=True)
        for address in set(PICTURES.findall(page or b"")):
            if not address.startswith(b"/static/"):
                owner.ask("GET", address.decode().replace("&amp;", "&"), is_page=True)

    def _gather_needles(self) -> None:
        """All by which what is erased would be found."""
        self.needles |= remains.of_name(NAME)
        for pk, image, sha256 in self.cluster.rows(IMAGES.format(self.person)):
            content = self.cluster.read_stored(f"media/{image}")
            middle = len(content) // 2
            self.needles[f"reference {pk} content"] = content[middle : middle + 64]
            self.needles[f"reference {pk} sha256"] = sha256.encode()
            for host in self.cluster.web:
                for copy in (host.site.folder / "cache").glob(f"references/*/{sha256}/*.webp"):
                    self.needles[f"{host.name} {copy.name}"] = copy.read_bytes()[40:104]
        for pk, vector in self.cluster.rows(VECTORS.format(self.person)):
            self.needles |= remains.of_vector(f"vector {pk}", bytes(vector))

    def tell(self) -> None:
        steps = [
            self.begin,
            self.upload_while_the_host_dies,
            self.process_while_a_worker_dies,
            self.change_gallery_while_the_scheduler_dies,
            self.build_while_the_builder_dies,
            self.serve_on_all_workers,
            self.pause_store,
            self.restart_postgres,
            self.erase_while_a_host_is_away,
        ]
        short = [self.begin, self.change_gallery_while_the_scheduler_dies, self.erase_while_a_host_is_away]
        for step in short if self.is_short else steps:
            print(step.__name__.replace("_", " "), file=sys.stderr, flush=True)
            step()
        self.settle()
        self.wait(lambda: not self.cluster.rows(OPEN_BUILDS), "the last build to end", 60)
