from django.db import migrations

import conversations.search


class Migration(migrations.Migration):
    dependencies = [
        ('conversations', '0002_words'),
        ('leads', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='lead',
            name='words',
            field=conversations.search.WordsField('name', 'email', 'phone', 'notes', editable=False, null=True),
        ),
        migrations.AddField(
            model_name='lead',
            name='words_digest',
            field=conversations.search.WordsDigestField('name', 'email', 'phone', 'notes', editable=False, null=True),
        ),
    ]
