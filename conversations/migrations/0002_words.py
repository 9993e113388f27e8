from django.db import migrations

import conversations.search


class Migration(migrations.Migration):
    dependencies = [
        ('conversations', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='words',
            field=conversations.search.WordsField('body', editable=False, null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='words_digest',
            field=conversations.search.WordsDigestField('body', editable=False, null=True),
        ),
        migrations.AddField(
            model_name='visitor',
            name='words',
            field=conversations.search.WordsField('name', 'email', 'phone', editable=False, null=True),
        ),
        migrations.AddField(
            model_name='visitor',
            name='words_digest',
            field=conversations.search.WordsDigestField('name', 'email', 'phone', editable=False, null=True),
        ),
    ]
