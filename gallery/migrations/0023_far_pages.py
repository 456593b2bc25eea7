from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0022_face_on_photo'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='reference',
            name='poor_reference_status',
        ),
        migrations.AddIndex(
            model_name='reference',
            index=models.Index(condition=models.Q(('is_poor', True)), fields=['status', 'source_face', 'id'], name='poor_reference_status'),
        ),
        migrations.AddIndex(
            model_name='face',
            index=models.Index(fields=['id', 'photo'], name='face_in_order'),
        ),
    ]
