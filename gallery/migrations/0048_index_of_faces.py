from django.db import migrations, models

CONTENTS = [("references", "references"), ("faces", "faces")]


class Migration(migrations.Migration):
    dependencies = [("gallery", "0047_stacks")]

    operations = [
        migrations.RemoveConstraint(model_name="build", name="one_active_build"),
        migrations.AddField(
            model_name="build",
            name="contents",
            field=models.CharField(
                choices=CONTENTS, default="references", max_length=10, verbose_name="contents"
            ),
        ),
        migrations.AddConstraint(
            model_name="build",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_active", True)),
                fields=("embedder_id", "contents"),
                name="one_active_build_of_a_kind",
            ),
        ),
        migrations.RenameField(model_name="gallerychange", old_name="reference", new_name="object_id"),
        migrations.AlterField(
            model_name="gallerychange", name="person", field=models.BigIntegerField(default=0)
        ),
        migrations.AddField(
            model_name="gallerychange",
            name="contents",
            field=models.CharField(choices=CONTENTS, default="references", max_length=10),
        ),
        migrations.RemoveIndex(model_name="gallerychange", name="gallery_gal_embedde_1b8688_idx"),
        migrations.AddIndex(
            model_name="gallerychange",
            index=models.Index(fields=["embedder_id", "contents", "id"], name="changes_of_an_index"),
        ),
    ]
