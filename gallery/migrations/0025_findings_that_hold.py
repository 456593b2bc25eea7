"""Findings about references that are another's by now, or not searched, are marked as they have been read so far."""

from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Q, Subquery


def mark(apps: Any, schema_editor: Any) -> None:
    finding, reference = (apps.get_model("gallery", name) for name in ("Finding", "Reference"))
    approved = reference.objects.filter(status="approved").order_by()
    holds = Q()
    for column, person in (("reference", "person"), ("other_reference", "other_person")):
        whose = approved.filter(pk=OuterRef(column)).values("person")[:1]
        holds &= Q(**{f"{column}__isnull": True}) | Q(**{person: Subquery(whose)})
    finding.objects.exclude(pk__in=finding.objects.filter(holds).values("pk")).update(is_outdated=True)


class Migration(migrations.Migration):
    dependencies = [("gallery", "0024_photos_in_order")]

    operations = [
        migrations.AddField(
            model_name="finding",
            name="is_outdated",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
