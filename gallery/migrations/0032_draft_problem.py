"""A draft's column for what is wrong with it gets a name, also in what merges keep for being undone."""

from typing import Any

from django.db import migrations

MODEL, OLD, NEW = "referencedraft", "says", "problem"


def _rename_in_events(apps: Any, alias: str, old: str, new: str) -> None:
    events = apps.get_model("gallery", "Event").objects.using(alias)
    for event in events.filter(verb__in=("person.merge", "undo", "redo"), undo__isnull=False).iterator():
        parts = [
            part
            for group in event.undo.get("rows", ())
            if group["model"] == MODEL
            for part in (group["before"], group["after"])
            if part and old in part
        ]
        for part in parts:
            part[new] = part.pop(old)
        if parts:
            event.save(update_fields=["undo"])


def rename(apps: Any, schema_editor: Any) -> None:
    _rename_in_events(apps, schema_editor.connection.alias, OLD, NEW)


def rename_back(apps: Any, schema_editor: Any) -> None:
    _rename_in_events(apps, schema_editor.connection.alias, NEW, OLD)


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0031_job'),
    ]

    operations = [
        migrations.RenameField(
            model_name='referencedraft',
            old_name='says',
            new_name='problem',
        ),
        migrations.RunPython(rename, rename_back),
    ]
