"""A photo may be in several albums: what stood in its column `album` becomes a row, also in what old acts are undone by.

The row of a photo's album gets the photo's own id, so that acts which moved a photo on, one after the other, speak of
one row, as they spoke of one column. Later rows get higher ids."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

Group = dict[str, Any]
VERBS = ("photo.album", "photos.album", "album.remove", "undo", "redo")
CHUNK_SIZE = 200  # events in memory


def turn_columns_into_rows(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gallery_albumphoto (id, album_id, photo_id, added_at)"
            " SELECT id, album_id, id, added_at FROM gallery_photo WHERE album_id IS NOT NULL"
        )
        cursor.execute("SELECT MAX(id) FROM gallery_photo")
        highest = cursor.fetchone()[0] or 0
    _reserve_ids(schema_editor, max(highest, _convert_events(apps, schema_editor)))


def _convert_events(apps: Any, schema_editor: Any) -> int:
    """Write anew what old acts are undone by; the highest id of a photo that is spoken of."""
    alias, highest = schema_editor.connection.alias, 0
    events = apps.get_model("gallery", "Event").objects.using(alias).filter(verb__in=VERBS, undo__isnull=False)
    added = apps.get_model("gallery", "Photo").objects.using(alias)
    for event in events.order_by("pk").iterator(CHUNK_SIZE):
        groups = event.undo.get("rows", [])
        ids = {pk for group in groups if _is_move(group) for pk in group["ids"]}
        if not ids:
            continue
        highest = max(highest, *ids)
        moments = {pk: event.at.isoformat() for pk in ids}
        for start in range(0, len(ids), CHUNK_SIZE):
            some = sorted(ids)[start : start + CHUNK_SIZE]
            found = added.filter(pk__in=some).values_list("pk", "added_at")
            moments |= {pk: moment.isoformat() for pk, moment in found}
        event.undo["rows"] = [new for group in groups for new in _convert_group(group, moments)]
        event.save(update_fields=["undo"])
    return highest


def _is_move(group: Group) -> bool:
    return group["model"] == "photo" and "album_id" in (group["before"] or {})


def _convert_group(group: Group, moments: dict[int, str]) -> list[Group]:
    if not _is_move(group):
        return [group]
    converted = []
    for pk in group["ids"]:
        row = {"id": pk, "photo_id": pk, "added_at": moments[pk]}
        before, after = (
            {**row, "album_id": columns["album_id"]} if columns["album_id"] else None
            for columns in (group["before"], group["after"])
        )
        if before:
            converted.append({"model": "albumphoto", "ids": [pk], "before": before, "after": None})
        if after:
            converted.append({"model": "albumphoto", "ids": [pk], "before": None, "after": after})
    return converted


def _reserve_ids(schema_editor: Any, highest: int) -> None:
    if not highest:
        return
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence('gallery_albumphoto', 'id'), %s)", [highest])
            return
        cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'gallery_albumphoto'")
        cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('gallery_albumphoto', %s)", [highest])


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0038_partial_uploads'),
    ]

    operations = [
        migrations.CreateModel(
            name='AlbumPhoto',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('added_at', models.DateTimeField(auto_now_add=True)),
                ('album', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='gallery.album')),
                ('photo', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='gallery.photo')),
            ],
        ),
        migrations.AddConstraint(
            model_name='albumphoto',
            constraint=models.UniqueConstraint(fields=('album', 'photo'), name='once_in_an_album'),
        ),
        migrations.RunPython(turn_columns_into_rows),
        migrations.RemoveIndex(
            model_name='photo',
            name='gallery_pho_album_i_3a8076_idx',
        ),
        migrations.RemoveField(
            model_name='photo',
            name='album',
        ),
        migrations.AddField(
            model_name='photo',
            name='albums',
            field=models.ManyToManyField(related_name='photos', through='gallery.AlbumPhoto', to='gallery.album'),
        ),
        migrations.AddField(
            model_name='photo',
            name='limited_by',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='limited_photos', to='gallery.album'),
        ),
    ]
