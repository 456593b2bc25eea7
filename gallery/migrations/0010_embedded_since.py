"""Faces that could be compared before this was written down have been since they were found."""

from typing import Any

from django.db import migrations
from django.db.models import F

PART = 2_000


def since_found(apps: Any, schema_editor: Any) -> None:
    faces = apps.get_model("gallery", "Face").objects.filter(embedding__isnull=False, embedded_at=None)
    while ids := list(faces.order_by("pk").values_list("pk", flat=True)[:PART]):
        faces.filter(pk__in=ids).update(embedded_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("gallery", "0009_privacy")]

    operations = [migrations.RunPython(since_found, migrations.RunPython.noop)]
