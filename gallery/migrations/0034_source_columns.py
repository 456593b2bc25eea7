"""What another program kept of a picture, with the reference made of it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0033_erased_digests'),
    ]

    operations = [
        migrations.AddField(
            model_name='reference',
            name='source_columns',
            field=models.JSONField(blank=True, default=dict, verbose_name='came with'),
        ),
    ]
