"""Build the index from the database and make it serve."""

from __future__ import annotations

from typing import Any

from gallery.index.builds import request_build, run_build
from gallery.management.base import GalleryCommand
from gallery.models import Build, Status

BUILD_FIGURES = (
    "embedder_id", "directory", "vectors", "dimension", "index_key", "index_param", "size", "milliseconds",
    "recall", "is_active", "figures",
)  # fmt: skip


class Command(GalleryCommand):
    help = "Builds the index with AutoFaiss and makes it the one that serves."

    def handle(self, **options: Any) -> None:
        build = build_at_once("build_index")
        self.is_failed = build.work != Status.DONE
        if self.is_json:
            figures = {name: getattr(build, name) for name in BUILD_FIGURES}
            self.say_json({"build": build.pk, "status": build.work, "failure": build.failure_text, **figures})
        elif self.is_failed:
            self.warn(build.failure_text or "Another process is building the index; this build waits for it.")
        else:
            kind = f"{build.index_key} {build.index_param}".strip()
            self.stdout.write(
                f"Build {build.pk}: {build.vectors} vectors, {kind}, {build.milliseconds / 1000:.1f} s."
            )
            self.say_embedder()


def build_at_once(reason: str) -> Build:
    """Request a build and run it in this process. It stays queued if another process is building."""
    asked = request_build(reason, delay=0)
    return run_build(asked.pk) or Build.objects.get(pk=asked.pk)
