"""Photos know which version read their file: TIFFs are read again, and files that end too early are taken."""

from __future__ import annotations

from django.db import migrations, models


def find_photos_to_read(apps, schema_editor):
    Photo = apps.get_model("gallery", "Photo")
    Photo.objects.exclude(format="TIFF").update(reading=1)
    Photo.objects.filter(work="failed", failure_code="cut_off").update(
        work="queued", attempts=0, failure="", failure_code="", failure_params={}
    )


class Migration(migrations.Migration):
    dependencies = [("gallery", "0043_captions_and_tags")]

    operations = [
        migrations.AddField(
            model_name="photo",
            name="is_cut_off",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="photo",
            name="reading",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.RunPython(find_photos_to_read, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="photo",
            name="reading",
            field=models.PositiveSmallIntegerField(default=1, editable=False),
        ),
    ]
