"""Digests by which what was erased is known again; of earlier erasures there are none to note beside the backups."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0032_draft_problem'),
    ]

    operations = [
        migrations.AddField(
            model_name='erasure',
            name='is_noted',
            field=models.BooleanField(default=True, editable=False),
        ),
        migrations.AlterField(
            model_name='erasure',
            name='is_noted',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.CreateModel(
            name='ErasedDigest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('name', 'Name'), ('file', 'File'), ('row', 'Row')], max_length=4)),
                ('digest', models.CharField(db_index=True, max_length=64)),
                ('returned_at', models.DateTimeField(null=True)),
                ('erasure', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='digests', to='gallery.erasure')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('erasure', 'digest'), name='one_digest_per_erasure')],
            },
        ),
    ]
