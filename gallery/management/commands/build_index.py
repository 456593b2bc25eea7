"""Build the index from the database and make it serve."""

from __future__ import annotations

from typing import Any

from gallery.index.builds import request_build, run_build
from gallery.management.base import GalleryCommand
from gallery.models import Build, Status


class Command(GalleryCommand):
    help = "Builds the index with AutoFaiss and makes it the one that serves."

    def handle(self, **options: Any) -> None:
        asked = request_build("build_index", delay=0)
        build = run_build(asked.pk) or Build.objects.get(pk=asked.pk)
        self.is_failed = build.work != Status.DONE
        if options["json"]:
            self.say_json(get_build_figures(build))
        elif self.is_failed:
            self.warn(build.failure_text or "Another process is building the index; this build waits for it.")
        else:
            kind = f"{build.index_key} {build.index_param}".strip()
            self.stdout.write(
                f"Build {build.pk}: {build.vectors} vectors, {kind}, {build.milliseconds / 1000:.1f} s."
            )


def get_build_figures(build: Build) -> dict[str, Any]:
    names = [
        "embedder_id",
        "directory",
        "vectors",
        "dimension",
        "index_key",
        "index_param",
        "size",
    ]
    names += ["milliseconds", "recall", "is_active", "figures"]
    return {"build": build.pk, "status": build.work, "failure": build.failure_text} | {
        name: getattr(build, name) for name in names
    }
