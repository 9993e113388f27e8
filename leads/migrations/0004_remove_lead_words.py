from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ('leads', '0003_fill_words'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='lead', name='lead_words'),
    ]
