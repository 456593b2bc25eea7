"""Jobs about the whole site get rows; what two site settings said of each of them is carried over."""

from datetime import datetime
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

PREFIX, ASKED, DONE = "chore.", ".asked", ".done"
MEASUREMENT = "measuring"  # had a setting of its own, of the same form


def turn_settings_into_jobs(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    rows = apps.get_model("gallery", "SiteSetting").objects.using(alias)
    users = apps.get_model("gallery", "User").objects.using(alias)
    jobs: dict[str, dict[str, Any]] = {}
    told = rows.filter(models.Q(key__startswith=PREFIX) | models.Q(key=MEASUREMENT))
    for key, value in told.values_list("key", "value"):
        if key == MEASUREMENT:
            key = f"{PREFIX}measure_gallery{ASKED}"
        columns = jobs.setdefault(key.removeprefix(PREFIX).removesuffix(ASKED).removesuffix(DONE), {})
        if key.endswith(ASKED):
            columns["asked_at"] = datetime.fromisoformat(value["at"])
            columns["asked_by"] = users.filter(username=value.get("by", "")).first()
        elif key.endswith(DONE):
            columns["done_at"] = datetime.fromisoformat(value["at"])
            columns |= {name: value[name] for name in ("seconds", "failure", "result") if name in value}
    for name, columns in jobs.items():
        apps.get_model("gallery", "Job").objects.using(alias).create(name=name, **columns)
    told.delete()


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0030_field_words'),
    ]

    operations = [
        migrations.CreateModel(
            name='Job',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('asked_at', models.DateTimeField(null=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('seconds', models.FloatField(default=0)),
                ('failure', models.TextField(blank=True)),
                ('result', models.JSONField(blank=True, default=dict)),
                ('asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.RunPython(turn_settings_into_jobs, migrations.RunPython.noop),
    ]
