from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ('conversations', '0003_fill_words'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='message', name='message_words'),
        migrations.RemoveIndex(model_name='visitor', name='visitor_words'),
        migrations.RemoveField(model_name='message', name='search_vector'),
        migrations.RemoveField(model_name='visitor', name='search_vector'),
    ]
