"""What is counted of the cluster when its story has been told, and faults that the count must show."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from bench.cluster.machines import Cluster
from bench.cluster.story import Story
from tests.privacy import remains

ROWS = "SELECT id, sha256, file, work, lease_owner FROM gallery_photo"
HOSTS = "SELECT name, build_id FROM gallery_host"


def count_photos(cluster: Cluster) -> dict[str, int]:
    rows = cluster.rows(ROWS)
    there = Counter(sha256 for _, sha256, *_ in rows)
    whole = {sha256 for _, sha256, file, *_ in rows if is_stored(cluster, file, sha256)}
    promised = cluster.web[0].scene.uploader.promised
    works = Counter(work for *_, work, _ in rows)
    return {
        "accepted": len(promised),
        "done": works["done"],
        "failed": works["failed"],
        "lost": sum(sha256 not in whole for sha256 in promised),
        "doubled": sum(count - 1 for count in there.values()),
        "stuck": sum(bool(owner) or work not in ("done", "failed") for *_, work, owner in rows),
    }


def is_stored(cluster: Cluster, file: str, sha256: str) -> bool:
    try:
        content = cluster.read_stored(f"media/{file}")
    except cluster.bucket.exceptions.NoSuchKey:
        return False
    return hashlib.sha256(content).hexdigest() == sha256


def count_builds(story: Story) -> dict[str, int]:
    """Since the first; those that another took the place of were not made, and were not asked for in vain."""
    sql = "SELECT work, COUNT(*) FROM gallery_build WHERE contents = 'references' GROUP BY work"
    works = Counter(dict(story.cluster.rows(sql)))
    asked = sum(works.values()) - works["cancelled"] - story.builds_before
    return {"asked": asked, "made": works["done"] - story.builds_before}


def count_erased(story: Story) -> dict[str, int]:
    """In every data directory, the store, the broker's files and the database."""
    cluster, needles = story.cluster, story.needles
    found = [
        each for place in cluster.machines.values() for each in remains.found_in(place.site.folder, needles)
    ]
    found += remains.found_in(cluster.web[0].site.folder.parent / "redis", needles, cluster.database)
    for name, content in cluster.list_stored():
        found += [f"{label} in the store, {name}" for label, needle in needles.items() if needle in content]
    cluster.faults += [f"FOUND: {each}" for each in found]
    vectors = sum(each.startswith("vector ") for each in found)
    return {"vectors_found": vectors, "bytes_found": len(found) - vectors}


def list_machines(cluster: Cluster) -> list[dict[str, Any]]:
    builds = dict(cluster.rows(HOSTS))
    return [
        {
            "name": each.name,
            "role": each.role,
            "seconds_ahead": each.seconds_ahead,
            "deaths": each.deaths,
            "build": builds.get(each.name),
        }
        for each in cluster.machines.values()
    ]


def count(story: Story) -> dict[str, Any]:
    found = {
        "photos": count_photos(story.cluster),
        "builds": count_builds(story),
        "erased": count_erased(story),
        "hosts": list_machines(story.cluster),
    }
    return {**found, "faults": story.cluster.faults}


def is_well(document: dict[str, Any]) -> bool:
    photos, builds = document["photos"], document["builds"]
    return (
        not any(photos[each] for each in ("failed", "lost", "doubled", "stuck"))
        and photos["done"] >= photos["accepted"] > 0
        and builds["asked"] == builds["made"]
        and not any(document["erased"].values())
        and not any(each.startswith("NOT SEEN") for each in document["faults"])
    )


def lose(story: Story) -> None:
    """A photo that was accepted is no longer in the store."""
    cluster = story.cluster
    promised = next(iter(cluster.web[0].scene.uploader.promised))
    file = next(file for _, sha256, file, *_ in cluster.rows(ROWS) if sha256 == promised)
    cluster.web[0].site.ask(
        f"from gallery.models.storage import remove_file\nremove_file({file!r})\nanswer = 1"
    )


def double(story: Story) -> None:
    story.cluster.web[0].site.ask(
        "photo = Photo.objects.last()\nphoto.pk, photo.copy, photo.file = None, 7, f'{photo.file.name}.again'\n"
        "photo.save()\nanswer = 1"
    )


def leak(story: Story) -> None:
    """A host kept a vector of who was erased."""
    needle = next(needle for label, needle in story.needles.items() if label.startswith("vector "))
    (story.cluster.workers[-1].site.folder / "cache").mkdir(exist_ok=True)
    (story.cluster.workers[-1].site.folder / "cache" / "leaked").write_bytes(needle)


BREAKS: dict[str, Callable[[Story], None]] = {each.__name__: each for each in (lose, double, leak)}
